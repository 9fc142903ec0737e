#!/bin/sh
# Log in, revoke the log-in (RFC 7009), and call until no replica takes its access token any more.
. "$(dirname "$0")/demo-environment.sh"

answer=$(password_grant | request_token) || { echo "$answer" >&2; exit 1; }
access=$(printf '%s' "$answer" | member access_token)
refresh=$(printf '%s' "$answer" | member refresh_token)

call() {
    option header "Authorization: Bearer $access" |
        curl --silent --config - --output /dev/null --write-out '%{http_code}' "$API_URL/whoami"
}

echo "Before: $(call)"
{
    option user "$DEMO_CLIENT_ID:$DEMO_CLIENT_SECRET"
    option data-urlencode "token=$refresh"
} | curl --silent --show-error --fail-with-body --config - "$AUTH_URL/revoke"
began=$(date +%s%N)

refused=0
while [ "$refused" -lt 2 ]; do # twice in turn, so by both replicas
    if [ "$(call)" = 401 ]; then refused=$((refused + 1)); else refused=0; fi
    [ $((($(date +%s%N) - began) / 1000000000)) -lt 20 ] || { echo "It is still taken." >&2; exit 1; }
    sleep 0.1
done
echo "Refused by both replicas after $((($(date +%s%N) - began) / 1000000)) ms: they poll the status list every 5 s."
