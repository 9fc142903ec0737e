#!/bin/sh
# Log in with a name and a password, and get a token (RFC 6749 §4.3; only first-party clients may).
. "$(dirname "$0")/demo-environment.sh"

answer=$(password_grant | request_token) || { echo "$answer" >&2; exit 1; }
printf '%s' "$answer" | python3 -m json.tool
