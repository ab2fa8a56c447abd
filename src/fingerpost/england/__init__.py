"""Synthetic England: children, their records and, sealed away, what provision did for them."""
