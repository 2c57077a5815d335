"""The state of a live daemon and its host, read without changing either."""
