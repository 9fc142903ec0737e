"""The resource server (RFC 6749 §1.1): accepts access tokens, keeps no state per request."""
