"""Walking through an issuer and an API as a strict client would; no web framework here."""
