"""Estimators: one leaf a file, each with one descriptor; files beginning with `_` are shared."""
