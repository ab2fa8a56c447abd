"""Append-only, hash-chained streams of events; it knows nothing of what they mean."""
