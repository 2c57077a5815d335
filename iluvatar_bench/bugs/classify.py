"""Text to bug class."""
