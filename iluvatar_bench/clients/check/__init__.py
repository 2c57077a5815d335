"""A client under test: one fault at one position of its order of calls at a time."""
