"""The rules that lead from evidence to a mechanism; pure."""
