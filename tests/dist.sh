#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What git tracks is in the tarball of `make dist`: a file that is left out is missed only by those who build from it.
set -eu
cd "${srcdir:?}"

if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "skipped: this is no git checkout"
    exit 77
fi
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
# Of git's own only, and what is made for a checkout.
git ls-files | grep -v -x -e '.*\.gitignore' -e '.*\.gitattributes' | sort >"$lists/tracked"
[ -s "$lists/tracked" ] || { echo "git tracks nothing here"; exit 1; }
${MAKE:-make} -s --no-print-directory -C "${builddir:?}" print-distfiles | sed "s|^$srcdir/||" | while read -r name; do
    if [ -d "$name" ]; then find "$name" -type f; else echo "$name"; fi
done | sort -u >"$lists/packed"
missing=$(comm -23 "$lists/tracked" "$lists/packed")
if [ -n "$missing" ]; then
    echo "tracked by git, but not in the tarball (add to Makefile.am, to the section of its folder):"
    echo "$missing"
    exit 1
fi
echo "all $(wc -l <"$lists/tracked") tracked files are in the tarball"
