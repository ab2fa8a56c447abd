"""Pictures of an output: an Altair chart drawn from a table, made into a static SVG."""
