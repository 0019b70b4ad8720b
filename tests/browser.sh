#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The dashboard in a real Chromium, before a real collector: tests/browser/run.mjs, run in a copy below the build directory, where
# `npm ci` puts what it drives the browser with. It prints its own "N passed, N failed".
set -eu
run=${builddir:?}/tests/browser-run
if ! command -v chromium >/dev/null; then
    echo "skipped: chromium is missing (Debian: apt-get install chromium)"
    exit 77
fi
mkdir -p "$run"
find "$srcdir/tests/browser" -mindepth 1 -maxdepth 1 ! -name node_modules -exec cp -R {} "$run/" \;
chmod -R u+w "$run"
if ! cmp -s "$run/package-lock.json" "$run/installed"; then
    (cd "$run" && rm -f installed && "${NPM:-npm}" ci --no-audit --no-fund --loglevel=error) || { echo "npm ci failed: it needs the npm registry once"; exit 1; }
    cp "$run/package-lock.json" "$run/installed"
fi
PYTHONPATH=$builddir/python
export PYTHONPATH
cd "$run" && exec "${NODE:-node}" run.mjs
