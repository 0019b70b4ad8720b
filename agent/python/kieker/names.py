# SPDX-License-Identifier: Apache-2.0
"""What modules are called in records."""

import os


def module_name(names):
    """The name for the component of a module with these globals: that of the file for the main script."""
    name = names.get("__name__")
    if name == "__main__" or name == "__mp_main__":
        spec = names.get("__spec__")
        if spec is not None:
            return spec.name
        path = os.path.basename(names.get("__file__") or "")
        name = path[:-3] if path.endswith(".py") else path
    return name if type(name) is str and name else "__main__"
