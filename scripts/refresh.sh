#!/bin/sh
# Log in, then trade the refresh token for a new pair (RFC 6749 §6); the old one is used up.
. "$(dirname "$0")/demo-environment.sh"

first=$(password_grant | request_token) || { echo "$first" >&2; exit 1; }
old=$(printf '%s' "$first" | member refresh_token)

second=$({
    option user "$DEMO_CLIENT_ID:$DEMO_CLIENT_SECRET"
    option data grant_type=refresh_token
    option data-urlencode "refresh_token=$old"
} | request_token) || { echo "$second" >&2; exit 1; }
printf '%s' "$second" | python3 -m json.tool
new=$(printf '%s' "$second" | member refresh_token)
[ "$old" != "$new" ]
echo "The refresh token was rotated."
