"""What the documentation's site is made of, beside the Markdown that is in ``docs``."""
