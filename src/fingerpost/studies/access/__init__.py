"""Studies of access: who gets provision, when, and whether alike at equal need."""
