"""Where records live and who computes: one table, opened as a lazy frame, whatever the engine."""
