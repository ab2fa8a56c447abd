"""The standard of linked records as typed declarations, and reading, checking, writing them."""
