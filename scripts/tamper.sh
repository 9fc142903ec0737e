#!/bin/sh
# Change one character in the middle of a token's payload: the signature no longer fits, so 401.
. "$(dirname "$0")/demo-environment.sh"

answer=$(password_grant | request_token) || { echo "$answer" >&2; exit 1; }
token=$(printf '%s' "$answer" | member access_token)
tampered=$(printf '%s' "$token" | python3 -c '
import sys
header, payload, signature = sys.stdin.read().split(".")
middle = len(payload) // 2
other = "A" if payload[middle] != "A" else "B"
print(header, payload[:middle] + other + payload[middle + 1 :], signature, sep=".")
')

echo "The token as it was issued:"
option header "Authorization: Bearer $token" |
    curl --silent --config - --output /dev/null --write-out '%{http_code}\n' "$API_URL/whoami"
echo "The token with one character changed:"
option header "Authorization: Bearer $tampered" | curl --silent --config - --include "$API_URL/whoami" |
    tr -d '\r' | grep -iE '^HTTP|^www-authenticate|^\{'
