"""How fast, how large and how trustworthy: speed against peers, and coverage where truth is known."""
