"""Outcomes of children as linked records hold them."""
