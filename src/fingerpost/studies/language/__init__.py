"""The study language: what a person writes in YAML, and how it becomes the frozen Study."""
