"""How fast and how large, against peers; how trustworthy, where the truth is known."""
