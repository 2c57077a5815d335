"""A client under test: from its calls to what it does to its containers."""
