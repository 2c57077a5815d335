"""The command line: one module a group; each parses, calls the library and prints."""
