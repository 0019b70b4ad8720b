# SPDX-License-Identifier: Apache-2.0
import sys

_before = list(sys.modules)
# The directory in which this has been started may have modules with the names of the library's: these are for the program.
_first = None if getattr(sys.flags, "safe_path", sys.flags.isolated) else sys.path.pop(0)

from kieker import launch  # noqa: E402

launch.loaded_before = _before
sys.exit(launch.main(sys.argv[1:], _first))
