"""One module a task: what is computed, by whom, and what was promised."""
