"""The sections of a report: one module each, from an output to its parts."""
