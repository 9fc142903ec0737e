#!/bin/sh
# Install a lock file, every hash checked: install.sh VENV LOCKFILE. Needs a package index that pip can reach.
set -eu
venv=$1 lock=$2
log=$venv/install.log

echo "Installing $lock (a quarter of a minute, once) ..."
"$venv/bin/pip" install --disable-pip-version-check --no-input --require-hashes -r "$lock" >"$log" 2>&1 || {
    echo "The packages could not be installed ($(grep '^ERROR: ' "$log" | tail -n 1)): is there a package index that" \
        "pip can reach? Check the network or pip's configuration, then run make again. The whole log: $log" >&2
    exit 1
}
