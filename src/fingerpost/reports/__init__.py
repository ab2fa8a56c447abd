"""Faces of an output: results.json, sentences and the report."""
