#!/bin/sh
# One token, ten calls through the load balancer: every replica verifies it by itself.
. "$(dirname "$0")/demo-environment.sh"

answer=$(password_grant | request_token) || { echo "$answer" >&2; exit 1; }
token=$(printf '%s' "$answer" | member access_token)

for call in 1 2 3 4 5 6 7 8 9 10; do
    option header "Authorization: Bearer $token" |
        curl --silent --show-error --config - --dump-header - --output /dev/null "$API_URL/whoami" |
        tr -d '\r' |
        awk -v call="$call" '/^HTTP/ { status = $2 } tolower($1) == "x-replica:" { replica = $2 }
            END { printf "%2d  %s  answered by %s\n", call, status, replica }'
done
