# SPDX-License-Identifier: Apache-2.0
"""What modules are called in records."""

import os


def file_name(path):
    """The name of a script."""
    name = os.path.basename(path)
    return name[:-3] if name.endswith(".py") else name


def module_name(names):
    """The name for the component of a module with these globals: that of the file for the main script."""
    name = names.get("__name__")
    if name == "__main__" or name == "__mp_main__":
        spec = names.get("__spec__")
        if spec is not None:
            return spec.name
        name = file_name(names.get("__file__") or "")
    return name if type(name) is str and name else "__main__"
