#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tarball of `make dist` builds from a source tree that cannot be written to, installs, removes what it installed, and cleans up.
# Without the dashboard, which would fetch its packages once more, and without the tests, of which this is one.
set -eu
cd "${builddir:?}"
# The flags of the outer make are about its own targets.
unset MAKEFLAGS MFLAGS MAKELEVEL
"${MAKE:-make}" --no-print-directory distcheck TESTS= check_PROGRAMS= \
    AM_DISTCHECK_CONFIGURE_FLAGS="--disable-dashboard --quiet PYTHON='$PYTHON' CC='$CC'" >distcheck.out 2>&1 || {
    tail -60 distcheck.out
    exit 1
}
rm -f distcheck.out
ls kieker-*.tar.gz
rm -f kieker-*.tar.gz
