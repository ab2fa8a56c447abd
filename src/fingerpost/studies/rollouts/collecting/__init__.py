"""Data from all units of a roll-out: rounds of returns, checked on receipt, frozen for analysis."""
