#!/bin/sh
# Make the virtual environment: venv.sh PYTHON DIRECTORY. Says in one line what is missing.
set -eu
python=$1 venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Sealgate needs Python 3.11 or newer; '$python' is not. Name one: make PYTHON=/path/to/python3.11" >&2
    exit 1
}
"$python" -m venv "$venv" >/dev/null 2>&1 || {
    rm -rf "$venv"
    echo "'$python' cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 1
}
