"""What it would take for an answer to be wrong: analyses of what was not measured."""
