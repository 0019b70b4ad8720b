# SPDX-License-Identifier: Apache-2.0
"""python3 -m kieker: starts a program as the interpreter itself would, with the agent around it."""

import atexit
import builtins
import os
import sys

from _frozen_importlib_external import PathFinder, SourceFileLoader, SourcelessFileLoader

import kieker
from kieker import _kieker, options

# How long the end of the program may be put off for records that are still to be sent, in seconds.
PATIENCE = 10.0


def main(arguments):
    """Returns the exit status; ends by SystemExit where the program does."""
    try:
        given, rest = options.parse(arguments)
        if given and given[0][1] is None:
            sys.stdout.write(options.help_text() if given[0][0] == "help" else "kieker %s\n" % _kieker.__version__)
            return 0
        values = options.Values()
        values.read_environment()
        values.read_arguments(given)
        if not rest or (rest[0] == "-m" and len(rest) == 1):
            raise options.Wrong("say which program to run: script.py or -m MODULE; see --help")
        program = _Module(rest[1:]) if rest[0] == "-m" else _script(rest)
        return program.run(_start(values, program))
    except options.Wrong as wrong:
        sys.stderr.write("kieker: %s\n" % wrong)
        return 2


def _start(values, program):
    """Starts the agent; the hook that is in place, or None when nothing is to be woven."""
    if values.writer == "inactive":
        return None
    try:
        _kieker.start(values.writer, values.when_full, values.run, program.name)
    except (ValueError, RuntimeError) as error:
        raise options.Wrong(str(error)) from None
    atexit.register(_kieker.stop, PATIENCE)
    if values.weave == "none":
        return None
    from kieker import hook

    found = hook.Hook(hook.Selection(values.include, values.exclude, program.root()))
    sys.meta_path.insert(0, found)
    kieker._hook = found
    return found


def _new_main():
    """A fresh __main__, as the interpreter makes it; ours stays alive for as long as it runs."""
    module = type(sys)("__main__")
    module.__dict__["__annotations__"] = {}
    module.__dict__["__builtins__"] = builtins
    _new_main.ours = sys.modules["__main__"]
    sys.modules["__main__"] = module
    return module


def _has_path_of_its_own():
    """Whether this interpreter puts the program's directory in front of sys.path."""
    return not getattr(sys.flags, "safe_path", sys.flags.isolated)


class _Module:
    """-m MODULE"""

    def __init__(self, arguments):
        self.name = arguments[0]
        self._arguments = arguments[1:]

    def root(self):
        # sys.path is as it will be for the program: its parent packages are found, not run.
        top = self.name.partition(".")[0]
        spec = None
        for finder in sys.meta_path:
            spec = finder.find_spec(top, None) if hasattr(finder, "find_spec") else None
            if spec is not None:
                break
        if spec is None:
            return None
        if spec.submodule_search_locations:
            return next(iter(spec.submodule_search_locations))
        if not spec.has_location:
            return None
        directory = os.path.dirname(spec.origin)
        # A single file among libraries is a program of one file.
        library = directory == os.path.dirname(os.__file__) or directory.endswith(("site-packages", "dist-packages"))
        return spec.origin if library else directory

    def run(self, hook):
        import runpy

        sys.argv[:] = ["-m"] + self._arguments
        _new_main()
        return 0 if _kieker.run(runpy._run_module_as_main, (self.name,)) is not None else 1


def _script(rest):
    path = os.path.join(os.getcwd(), rest[0])
    importer = PathFinder._path_importer_cache(path)
    if importer is not None:
        return _Archive(path, rest)
    return _Script(path, rest)


class _Archive:
    """A directory or zip file with a __main__."""

    def __init__(self, path, arguments):
        self.name = self._path = path
        self._arguments = arguments

    def root(self):
        return self._path

    def run(self, hook):
        import runpy

        sys.argv[:] = self._arguments
        if _has_path_of_its_own():
            sys.path[0] = self._path
        else:
            sys.path.insert(0, self._path)
        _new_main()
        return 0 if _kieker.run(runpy._run_module_as_main, ("__main__", False)) is not None else 1


class _Script:
    """A file."""

    def __init__(self, path, arguments):
        self.name = self._path = path
        self._arguments = arguments
        self._directory = os.path.dirname(os.path.realpath(path))
        try:
            with open(path, "rb") as file:
                self._source = file.read()
        except OSError as error:
            raise options.Wrong("can't open file %r: [Errno %d] %s" % (self._path, error.errno, error.strerror)) from None

    def root(self):
        return self._directory

    def run(self, hook):
        sys.argv[:] = self._arguments
        if _has_path_of_its_own():
            sys.path[0] = self._directory
            _forget_shadowed(self._directory)
        names = _new_main().__dict__
        names["__file__"] = self._path
        names["__cached__"] = None
        if self._path.endswith(".pyc"):
            loader = SourcelessFileLoader("__main__", self._path)
            prepare, arguments = loader.get_code, ("__main__",)
        else:
            loader = SourceFileLoader("__main__", self._path)
            prepare, arguments = compile, (self._source, self._path, "exec", 0, True)
        names["__loader__"] = loader
        # Compiled as the program's first step: a SyntaxError is shown without a trace of ours.
        done = _kieker.run(prepare, arguments)
        if done is not None:
            code, = done
            if hook is not None and not self._path.endswith(".pyc"):
                code = hook.weave_main(self._source, code, _module_name(self._path))
            done = _kieker.run_code(code, names)
        names.pop("__file__", None)
        names.pop("__cached__", None)
        return 0 if done is not None else 1


def _module_name(path):
    name = os.path.basename(path)
    return name[:-3] if name.endswith(".py") else name


def _forget_shadowed(directory):
    """Lets the program import its own modules where one has the name of a library's that the agent has loaded."""
    try:
        names = {name.partition(".")[0] for name in os.listdir(directory)}
    except OSError:
        return
    names.difference_update(sys.builtin_module_names, ("kieker", "__main__"))
    loaded = list(sys.modules)
    # A module is listed when its import ends. What comes before site, or without it before io, is there in every program.
    first = loaded.index("site" if "site" in loaded else "io") + 1
    for name in loaded[first:]:
        if name.partition(".")[0] in names:
            del sys.modules[name]
