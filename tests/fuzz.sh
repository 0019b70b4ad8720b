#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every fuzz target over its corpus (what fuzzing has found to be worth keeping, and inputs that once did harm), and over the recordings of real clients.
set -eu
ran=0
for target in "${builddir:?}"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    corpus="$srcdir/tests/fuzz/corpus/${target##*/fuzz_}"
    [ -d "$corpus" ] || { echo "$target has no corpus: $corpus"; exit 1; }
    echo "${target##*/}"
    "$target" "$srcdir/tests/data/captures" "$corpus"
    ran=$((ran + 1))
done
[ $ran -gt 0 ] || { echo "no fuzz target is built"; exit 1; }
