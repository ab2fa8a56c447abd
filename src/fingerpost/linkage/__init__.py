"""Linkage: which hospital record is which child, by passes or by probability, and how surely."""
