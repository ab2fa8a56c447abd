"""How near synthetic England comes to published figures: each computed from its records."""
