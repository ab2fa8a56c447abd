"""Disclosure control: findings become outputs, or are withheld, by a named policy."""
