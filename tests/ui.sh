#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The dashboard's TypeScript: its types, and the tests of what needs no browser. Run in the copy that the build has made.
set -eu
ui=${builddir:?}/web/ui-build
if [ ! -d "$ui/node_modules" ]; then
    echo "skipped: built without the dashboard"
    exit 77
fi
cd "$ui"
node_modules/.bin/tsc --noEmit
exec "${NODE:-node}" test/run.mjs
