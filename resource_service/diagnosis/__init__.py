"""Finding out what is wrong, with a token or with a whole installation; no web framework here."""
