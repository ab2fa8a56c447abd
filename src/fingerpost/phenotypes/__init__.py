"""Groups of children by health condition, from the codes in hospital and death records."""
