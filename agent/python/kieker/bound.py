# SPDX-License-Identifier: Apache-2.0
"""What modules call at their beginning that were woven ahead of time (see ahead.py)."""

import sys

from kieker import _kieker, byhand

# The sign that ahead.py and this agree on; to be raised when woven code is no longer understood.
LAYOUT = 2


def bind(layout, version, operations):
    """Puts probes into the functions of the module that calls this, before it makes them, and starts the agent if it does not run."""
    if (layout, version) != (LAYOUT, _kieker.__version__):
        raise ImportError("this module was woven by kieker %s and cannot run with kieker %s: weave it again" % (version, _kieker.__version__))
    byhand.start()
    # Code that was just read belongs to this module alone, so it is changed where it is.
    code = sys._getframe(1).f_code
    if _kieker.bind(code, operations)[0] is not code:
        raise ImportError("the code of a woven module is used twice")
