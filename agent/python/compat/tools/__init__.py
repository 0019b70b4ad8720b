# SPDX-License-Identifier: Apache-2.0
"""The Kieker Python pack's ways to observe functions, on Kieker's agent: see the package `monitoring`."""

import monitoring

if not hasattr(monitoring, "_agent"):
    raise RuntimeError(
        "`tools` (%s) is of kieker-agent-compat, but `monitoring` is not (%s): uninstall the Kieker Python pack, or take it off the path"
        % (__file__, getattr(monitoring, "__file__", None)))
