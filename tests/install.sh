#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make install` puts where: both programs run from there, and Python finds the package there, extension and all.
set -eu
cd "${builddir:?}"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
"${MAKE:-make}" --no-print-directory -s install DESTDIR="$root" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
find "$root" -type f ! -name '*.pyc' | sed "s|^$root||" | sort

for program in kieker-collector kieker-query; do
    found=$(find "$root" -path "*/bin/$program")
    [ -n "$found" ] || { echo "$program is not installed"; exit 1; }
    "$found" --version
done
package=$(dirname "$(find "$root" -path '*/kieker/__main__.py')")
[ -n "$(find "$package" -name '_kieker.*.so')" ] || { echo "the extension is not installed"; exit 1; }
[ -n "$(find "$package" -name '__main__.*.pyc')" ] || { echo "no bytecode is installed"; exit 1; }
# Before the built package, which tests/python has on the path.
"$builddir/tests/python" -c '
import sys
sys.path.insert(0, sys.argv[1])
import kieker
sys.exit(None if kieker.__file__.startswith(sys.argv[1]) else "kieker came from " + kieker.__file__)' "$(dirname "$package")"
# Beside the package lies what starts it with an interpreter, when that directory is one of the interpreter's own.
[ -f "$(dirname "$package")/kieker.pth" ] || { echo "kieker.pth is not installed"; exit 1; }
KIEKER_START=1 KIEKER_WRITER=null "$builddir/tests/python" -c '
import site, sys
sys.path.insert(0, sys.argv[1])
site.addsitedir(sys.argv[1])
start = sys.modules.get("kieker.start")
sys.exit(None if start and start.__file__.startswith(sys.argv[1]) else "kieker.pth has started nothing")' "$(dirname "$package")"
# An extension shows one symbol of its own: the others would meet those of the programs it is loaded into.
shown=$(nm -D --defined-only "$(find "$package" -name '_kieker.*.so')" | awk '{ print $3 }' | grep -v -e '^_init$' -e '^_fini$' -e '^__asan' -e '^__odr_asan' || :)
[ "$shown" = PyInit__kieker ] || { echo "the extension shows: $shown"; exit 1; }

"${MAKE:-make}" --no-print-directory -s uninstall DESTDIR="$root" >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
left=$(find "$root" ! -type d ! -path "$root/log")
[ -z "$left" ] || { echo "after make uninstall there is still: $left"; exit 1; }
