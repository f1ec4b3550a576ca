#!/bin/sh
# Makes a virtual environment with this project in it: sh setup-environment.sh DIRECTORY EXTRAS CONSTRAINTS
#
# Debian and Ubuntu ship a python3 without pip and without what `python3 -m venv` needs. Where it is missing, pip's own
# wheel is taken out of the distribution's package, without installing anything on the system.
set -eu
environment=$1
extras=$2
constraints=$3

fail() {
    echo "set-up: $1" >&2
    exit 2
}

python=${PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.11 python3.12 python3.10 python3; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || fail "no Python 3.10, 3.11 or 3.12 found; install one, or name it: make PYTHON=/path/to/python3"

# A half-made environment, or one of another Python, is made anew.
if ! "$environment/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$environment"
    echo "set-up: making $environment with $("$python" --version)"
    if ! "$python" -m venv "$environment" >/dev/null 2>&1; then
        rm -rf "$environment"
        "$python" -m venv --without-pip "$environment" || fail "$python cannot make a virtual environment"
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        chmod 755 "$work"
        (cd "$work" && apt-get download python3-pip-whl >/dev/null 2>&1 && dpkg -x python3-pip-whl_*.deb . ) ||
            { rm -rf "$environment"; fail "this Python lacks venv; run: apt-get install python3-venv"; }
        wheel=$(echo "$work"/usr/share/python-wheels/pip-*.whl)
        "$environment/bin/python" "$wheel/pip" install --quiet --no-index --find-links "${wheel%/*}" pip ||
            { rm -rf "$environment"; fail "pip cannot be set up; run: apt-get install python3-venv"; }
    fi
fi

echo "set-up: installing yt8m${extras:+[$extras]} (TensorFlow is about 600 MB; this takes a few minutes, once)"
"$environment/bin/python" -m pip install --no-compile --quiet --disable-pip-version-check \
    --constraint "$constraints" --editable ".${extras:+[$extras]}" ||
    fail "the installation failed; see the lines above, and run the same command again"

# pip compiles on one core. Where nothing is compiled now and Python may not write what it compiles when it is used
# (PYTHONDONTWRITEBYTECODE, as in most container images), every command would compile TensorFlow anew: 16 s instead of 4.
# Packages ship files of other Pythons, too, which cannot be compiled, and their own tests, a sixth of all, which nobody runs here.
"$environment/bin/python" -m compileall -qq -j 0 -x '/tests/' "$environment/lib" yt8m || true
