#!/bin/sh
# What `make test-interop` needs beyond Python: three packages for Node.js, and Debian's Chromium,
# Apache, HAProxy and oidc-agent. Says what is missing where it cannot install it.
set -eu
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
    echo "make test-interop needs Node.js 20 or newer, with npm: https://nodejs.org" >&2
    exit 1
fi
if ! [ tests/interop/node/node_modules/.package-lock.json -nt tests/interop/node/package.json ]; then
    echo "Installing openid-client, oauth4webapi and jose ..."
    (cd tests/interop/node && npm install --loglevel error >/dev/null && touch node_modules/.package-lock.json)
fi

missing=
for one in chromium:chromium /usr/sbin/apache2:apache2-bin /usr/sbin/haproxy:haproxy oidc-agent:oidc-agent-cli; do
    command -v "${one%%:*}" >/dev/null || missing="$missing ${one#*:}"
done
[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || missing="$missing libapache2-mod-auth-openidc"

# Pages cost half as much in Chromium's headless shell; without it the whole browser shows them.
lighter() {
    if [ "$(id -u)" = 0 ] && ! command -v chromium-headless-shell >/dev/null; then
        DEBIAN_FRONTEND=noninteractive timeout 120 apt-get install -y -qq --no-install-recommends \
            chromium-headless-shell >/dev/null 2>&1 || true
    fi
}

[ "$missing" ] || { lighter; exit 0; }
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "make test-interop needs these packages of Debian: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing$missing ..."
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
lighter
