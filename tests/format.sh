#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every C file is laid out as .clang-format says. By the version that the layout was made with: others differ in details.
set -eu
cd "${srcdir:-$(dirname "$0")/..}"

if ! command -v clang-format-14 >/dev/null; then
    echo "skipped: clang-format-14 is missing (Debian: apt-get install clang-format-14)"
    exit 77
fi
files=$(for folder in record analysis storage server query web agent moobench tests; do
    [ ! -d $folder ] || find $folder -name node_modules -prune -o -name '*.[ch]' -print
done)
[ -n "$files" ] || { echo "no C file found below $(pwd)"; exit 1; }
bad=
for file in $files; do
    clang-format-14 --style=file --dry-run -Werror "$file" 2>/dev/null || bad="$bad $file"
done
if [ -n "$bad" ]; then
    echo "not laid out as .clang-format says; this does it:"
    echo "clang-format-14 -i$bad"
    exit 1
fi
echo "all $(echo "$files" | wc -l) files are laid out as .clang-format says"
