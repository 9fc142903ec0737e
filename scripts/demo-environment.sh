# Sourced by the scripts beside it: the addresses and the demo credentials of the running stack.
# Secrets reach curl through --config on its standard input, so that no process list shows them.
set -eu

demo_env=${DEMO_ENV:-$(dirname "$0")/../.sealgate/demo.env}
case $demo_env in */*) ;; *) demo_env=./$demo_env ;; esac
[ -r "$demo_env" ] || {
    echo "There is no $demo_env: start the stack first, with: make run" >&2
    exit 1
}
. "$demo_env"
curl --silent --output /dev/null --max-time 5 "$AUTH_URL/health/live" || {
    echo "Nobody answers at $AUTH_URL: start the stack first, with: make run" >&2
    exit 1
}

# option NAME VALUE: a line for curl's --config.
option() {
    printf '%s = "%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"]/\\&/g')"
}

# POST to the token endpoint with the options on standard input; a refusal is shown and ends the script.
request_token() {
    curl --silent --show-error --fail-with-body --config - "$AUTH_URL/token"
}

# The options of the password grant (RFC 6749 §4.3), for a first-party client.
password_grant() {
    option user "$DEMO_CLIENT_ID:$DEMO_CLIENT_SECRET"
    option data grant_type=password
    option data-urlencode "username=$DEMO_USERNAME"
    option data-urlencode "password=$DEMO_PASSWORD"
}

# member NAME: a member of the JSON object on standard input.
member() {
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
