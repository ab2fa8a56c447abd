"""Designs: how arms, or the order in which provision begins, are drawn; a leaf a file."""
