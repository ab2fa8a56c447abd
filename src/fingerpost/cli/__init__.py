"""The command line: one thin module a verb, and the one place where rooms are put together."""
