#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every fuzz target over its corpus: the recordings of real clients, and what tests/fuzz/corpus keeps of inputs that once did harm.
set -eu
ran=0
for target in "${builddir:?}"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    set -- "$srcdir/tests/data/captures"
    [ ! -d "$srcdir/tests/fuzz/corpus" ] || set -- "$@" "$srcdir/tests/fuzz/corpus"
    "$target" "$@"
    ran=$((ran + 1))
done
[ $ran -gt 0 ] || { echo "no fuzz target is built"; exit 1; }
