#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# OpenTelemetry's own client before a real collector: tests/opentelemetry/run.mjs, run in a copy below the build directory, where `npm ci` puts
# the client. It prints its own "N passed, N failed".
set -eu
run=${builddir:?}/tests/opentelemetry-run
if ! command -v "${NODE:-node}" >/dev/null || ! command -v "${NPM:-npm}" >/dev/null; then
    echo "skipped: node or npm is missing (Debian: apt-get install nodejs npm)"
    exit 77
fi
mkdir -p "$run"
find "$srcdir/tests/opentelemetry" -mindepth 1 -maxdepth 1 ! -name node_modules -exec cp -R {} "$run/" \;
chmod -R u+w "$run"
if ! cmp -s "$run/package-lock.json" "$run/installed"; then
    (cd "$run" && rm -f installed && "${NPM:-npm}" ci --no-audit --no-fund --loglevel=error) || { echo "npm ci failed: it needs the npm registry once"; exit 1; }
    cp "$run/package-lock.json" "$run/installed"
fi
cd "$run" && exec "${NODE:-node}" run.mjs
