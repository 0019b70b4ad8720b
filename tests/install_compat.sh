#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The modules of the Kieker Python pack are installed when asked for, by make or by pip, never over others of these names, and go again whole.
set -eu
cd "${builddir:?}"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL

try() {
    "${MAKE:-make}" --no-print-directory -s "$1" DESTDIR="$root/make" >"$root/log" 2>&1
}
# Before the built package, which tests/python has on the path.
check() {
    "$builddir/tests/python" -c '
import sys
sys.path.insert(0, sys.argv[1])
import monitoring.controller, tools.aspect, tools.importhook, tools.importhookast
sys.exit(None if monitoring.__file__.startswith(sys.argv[1]) else "monitoring came from " + monitoring.__file__)' "$1"
}

try install-compat || { cat "$root/log"; exit 1; }
packages=$(dirname "$(dirname "$(find "$root/make" -path '*/monitoring/controller.py')")")
[ -n "$(find "$packages" -name 'controller.*.pyc')" ] || { echo "no bytecode is installed"; exit 1; }
check "$packages"
try install-compat || { echo "it cannot be installed twice:"; cat "$root/log"; exit 1; }
try uninstall-compat || { cat "$root/log"; exit 1; }
[ -z "$(find "$root/make" -type f)" ] || { echo "uninstall-compat leaves: $(find "$root/make" -type f)"; exit 1; }

mkdir "$packages/tools"
echo mine >"$packages/tools/mine.py"
if try install-compat; then
    echo "it is installed over another package of that name"
    exit 1
fi
grep -q 'tools is there and not of this package' "$root/log" || { cat "$root/log"; exit 1; }
try uninstall-compat || { cat "$root/log"; exit 1; }
[ "$(find "$root/make" -type f)" = "$packages/tools/mine.py" ] || { echo "there is now: $(find "$root/make" -type f)"; exit 1; }

"$PYTHON" -m pip --version >/dev/null 2>&1 || { echo "skipped the rest: $PYTHON has no pip"; exit 0; }
pip() {
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PIP_CONFIG_FILE=/dev/null PYTHONDONTWRITEBYTECODE=1 \
        "$PYTHON" -m pip install --target "$1" "$2" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
    check "$1"
}
pip "$root/checkout" "${srcdir:?}/agent/python/compat"
PYTHONDONTWRITEBYTECODE=1 "$PYTHON" -c 'import sys; sys.path.insert(0, sys.argv[1]); import backend; print(backend.build_sdist(sys.argv[2]))' \
    "$srcdir/agent/python/compat" "$root" >"$root/name"
pip "$root/sdist" "$root/$(cat "$root/name")"
(cd "$root/sdist" && find monitoring tools -name '*.py' | sort) >"$root/from-sdist"
(cd "$srcdir/agent/python/compat" && find monitoring tools -name '*.py' | sort) | cmp - "$root/from-sdist"
