#!/bin/sh
# Read the issuer's public keys (RFC 7517): all that a verifier ever needs from it.
. "$(dirname "$0")/demo-environment.sh"

curl --silent --show-error --fail --dump-header - --output /dev/null "$AUTH_URL/.well-known/jwks.json" |
    grep -i '^cache-control'
curl --silent --show-error --fail "$AUTH_URL/.well-known/jwks.json" | python3 -m json.tool
