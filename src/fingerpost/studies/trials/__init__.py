"""Trials: planned, drawn, kept and analysed as they were drawn."""
