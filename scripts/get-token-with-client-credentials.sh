#!/bin/sh
# A program gets a token for itself, with its client_id and secret (RFC 6749 §4.4).
. "$(dirname "$0")/demo-environment.sh"

answer=$({
    option user "$DEMO_CLIENT_ID:$DEMO_CLIENT_SECRET"
    option data grant_type=client_credentials
    option data-urlencode "scope=notes:read"
} | request_token) || { echo "$answer" >&2; exit 1; }
printf '%s' "$answer" | python3 -m json.tool
