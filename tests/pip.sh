#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The package alone: pip builds and installs it with nothing but a compiler, its .pth starts it, and pip removes it whole.
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
unset PYTHONPATH
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PYTHONDONTWRITEBYTECODE=1 PIP_CONFIG_FILE=/dev/null
export PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INDEX PYTHONDONTWRITEBYTECODE PIP_CONFIG_FILE
"$PYTHON" -m venv "$root/venv" >"$root/log" 2>&1 || { echo "skipped: $PYTHON has no pip for a virtual environment (Debian: apt-get install python3-venv)"; exit 77; }
python=$root/venv/bin/python
before=$(find "$root/venv" | sort)

check() {
    "$python" -m pip install --no-compile "$1" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
    cd "$root"
    cat >program.py <<'END2'
def f(): pass
f()
f()
import sys
import kieker
if len(sys.argv) == 1:
    import subprocess
    subprocess.run([sys.executable, __file__, "child"], check=True)
print(kieker.__file__.startswith(sys.prefix), kieker.stats()["woven_operations"])
END2
    said=$(KIEKER_START=1 KIEKER_WRITER=null "$python" program.py)
    [ "$said" = "True 1
True 1" ] || { echo "the program said: $said"; exit 1; }
    said=$("$python" -m kieker --writer null program.py)
    [ "$said" = "True 1
True 1" ] || { echo "under the command, the program said: $said"; exit 1; }
    "$python" -m pip uninstall -y kieker-agent >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
    after=$(find "$root/venv" | sort)
    [ "$after" = "$before" ] || { echo "pip uninstall leaves: $after"; exit 1; }
}

check "${srcdir:?}/agent/python"
# From a source distribution, too, as far away from the checkout as it gets.
(cd "$srcdir/agent/python" && "$PYTHON" -c 'import sys, backend; print(backend.build_sdist(sys.argv[1]))' "$root") >"$root/name"
check "$root/$(cat "$root/name")"
