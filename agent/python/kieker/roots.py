# SPDX-License-Identifier: Apache-2.0
"""Where a program's own code is: the directories below which modules are observed unless options say otherwise.

The program's modules come before those of the agent, too: see forget_shadowed.
"""

import os
import sys


def of_script(path):
    """That of the script, and for an installed command (a directory of the PATH is for these) the current one."""
    directory = os.path.dirname(os.path.realpath(path))
    commands = [os.path.dirname(sys.executable or ""), os.path.join(sys.prefix, "bin")] + os.get_exec_path()
    return (directory,) + (_current() if directory in map(os.path.realpath, filter(None, commands)) else ())


def of_module(name, in_libraries=True):
    """That of the package, or of the file of a module among libraries, and the current one, where -m looks first.

    The parent packages of a module are found, not run. in_libraries: whether what is installed counts as well.
    """
    spec = _find(name.partition(".")[0])
    current = _current() if has_path_of_its_own() else ()
    if spec is None:
        return current
    if not spec.has_location and not spec.submodule_search_locations:
        return current
    package = tuple(spec.submodule_search_locations or ())
    directory = os.path.dirname(package[0] if package else spec.origin)
    if directory == os.path.dirname(os.__file__) or directory.endswith(("site-packages", "dist-packages")):
        return (package or (spec.origin,)) + current if in_libraries else ()
    return (package or (directory,)) + current


def of_text():
    """Those of a program that is no file: it comes from the command line or standard input, or is typed."""
    return _current() if has_path_of_its_own() else ()


def forget_shadowed(directory, loaded):
    """Lets the program import modules of its own from that directory where they have the names of some that the agent has loaded."""
    try:
        names = {name.partition(".")[0] for name in os.listdir(directory)}
    except OSError:
        return
    names.difference_update(sys.builtin_module_names, ("kieker", "__main__"))
    for name in loaded:
        if name.partition(".")[0] in names:
            sys.modules.pop(name, None)


def has_path_of_its_own():
    """Whether this interpreter puts the program's directory in front of sys.path."""
    return not getattr(sys.flags, "safe_path", sys.flags.isolated)


def _current():
    try:
        directory = os.getcwd()
    except OSError:
        return ()
    # What has been started from there is no program's.
    return () if directory == os.sep else (directory,)


def _find(name):
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None) if hasattr(finder, "find_spec") else None
        if spec is not None:
            return spec
    return None
