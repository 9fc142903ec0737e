#!/bin/sh
# Register a client (RFC 7591), read the registration, and end it again (RFC 7592).
. "$(dirname "$0")/demo-environment.sh"

answer=$(curl --silent --show-error --fail-with-body --header "Content-Type: application/json" --data '{
    "client_name": "A client by script",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
    "scope": "openid notes:read"
}' "$AUTH_URL/clients") || { echo "$answer" >&2; exit 1; }
uri=$(printf '%s' "$answer" | member registration_client_uri)
token=$(printf '%s' "$answer" | member registration_access_token)
echo "Registered: $(printf '%s' "$answer" | member client_id)"

registration() {
    option header "Authorization: Bearer $token" |
        curl --silent --show-error --config - --write-out '\n%{http_code}' "$@" "$uri"
}

echo "It may ask for: $(registration | head -n 1 | member scope)"
echo "Ended: $(registration --request DELETE | tail -n 1)"
echo "And now: $(registration | tail -n 1)"
