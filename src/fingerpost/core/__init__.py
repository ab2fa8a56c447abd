"""The nouns: frozen values, one to a module, with no input or output and no frame library."""
