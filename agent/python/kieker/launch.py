# SPDX-License-Identifier: Apache-2.0
"""python3 -m kieker: starts a program as the interpreter itself would, with the agent around it."""

import builtins
import importlib
import os
import sys

from _frozen_importlib import BuiltinImporter
from _frozen_importlib_external import PathFinder, SourceFileLoader, SourcelessFileLoader

from kieker import _kieker, hook, options, recording, roots
from kieker.names import file_name

# Commands besides running a program: a module each, whose main(arguments) gives the exit status, or the arguments with which a program is
# to be run after all. A script of that name is ./NAME.
VERBS = {"weave": "kieker.ahead", "report": "kieker.report"}


def main(arguments, first=None):
    """Returns the exit status; ends by SystemExit where the program does.

    first is what is to be in front of sys.path for the program, and has been taken from there for the agent's own imports.
    """
    try:
        if arguments and arguments[0] in VERBS:
            arguments = importlib.import_module(VERBS[arguments[0]]).main(arguments[1:])
            if type(arguments) is int:
                return arguments
        given, rest = options.parse(arguments)
        if given and given[0][1] is None:
            sys.stdout.write(options.help_text() if given[0][0] == "help" else "kieker %s\n" % _kieker.__version__)
            return 0
        values = options.Values()
        values.read_environment()
        values.read_arguments(given)
        program = _program(rest)
        observer = _start(values, program, first)
        _put_first(first)
        return program.run(observer)
    except options.Wrong as wrong:
        sys.stderr.write("kieker: %s\n" % wrong)
        return 2


def _put_first(first):
    if first is not None:
        sys.path.insert(0, first)


def _start(values, program, first):
    """Starts the agent; the hook that is in place, or None when nothing is to be woven."""
    own = values.roots()
    if own and not any(map(os.path.exists, own)):
        raise options.Wrong("--root: there is no %s, so nothing can be observed in it" % ", ".join(own))
    if not own:
        # As it will be for the program; nothing is imported meanwhile.
        _put_first(first)
        own = program.roots()
        if first is not None:
            del sys.path[0]
    found = recording.Recording(values, program.name, own)
    found.begin()
    return found.observe(hook.Selection(values.include, values.exclude, own))


def _new_main():
    """A fresh __main__, as the interpreter makes it; ours stays alive for as long as it runs."""
    module = type(sys)("__main__")
    module.__dict__["__annotations__"] = {}
    module.__dict__["__builtins__"] = builtins
    _new_main.ours = sys.modules["__main__"]
    sys.modules["__main__"] = module
    return module


def _program(rest):
    if not rest or (rest[0] in ("-m", "-c") and len(rest) == 1):
        raise options.Wrong("say which program to run: script.py, -m MODULE, -c CODE, or - for standard input; see --help")
    if rest[0] == "-m":
        return _Module(rest[1:])
    if rest[0] == "-c":
        return _Text("-c", "<string>", rest[1], ["-c"] + rest[2:])
    if rest[0] == "-":
        return _Text("-", "<stdin>", None, rest)
    path = _absolute(rest[0])
    return Script(path, rest) if PathFinder._path_importer_cache(path) is None else _Archive(path, rest)


def _absolute(path):
    # Not normalised, as in the interpreter.
    try:
        return os.path.join(os.getcwd(), path)
    except FileNotFoundError:
        return path


class _Module:
    """-m MODULE"""

    def __init__(self, arguments):
        self.name = arguments[0]
        self._arguments = arguments[1:]

    def roots(self):
        return roots.of_module(self.name)

    def run(self, hook):
        import runpy

        sys.argv[:] = ["-m"] + self._arguments
        if roots.has_path_of_its_own():
            # runpy and what it needs are there in the plain program, too.
            roots.forget_shadowed(sys.path[0], set(sys.modules).difference(loaded_before))
        _new_main()
        return 0 if _kieker.run(runpy._run_module_as_main, (self.name,)) is not None else 1


class _Archive:
    """A directory or zip file with a __main__."""

    def __init__(self, path, arguments):
        self.name = self._path = path
        self._arguments = arguments

    def roots(self):
        return (self._path,)

    def run(self, hook):
        import runpy

        sys.argv[:] = self._arguments
        if roots.has_path_of_its_own():
            sys.path[0] = self._path
        else:
            sys.path.insert(0, self._path)
        _new_main()
        return 0 if _kieker.run(runpy._run_module_as_main, ("__main__", False)) is not None else 1


class Script:
    """A file."""

    def __init__(self, path, arguments):
        self.name = self._path = path
        self._arguments = arguments
        try:
            with open(path, "rb") as file:
                self._source = file.read()
        except OSError as error:
            raise options.Wrong("can't open file %r: [Errno %d] %s" % (self._path, error.errno, error.strerror)) from None
        self._directory = os.path.dirname(os.path.realpath(path))

    def roots(self):
        return roots.of_script(self._path)

    def run(self, hook):
        sys.argv[:] = self._arguments
        if roots.has_path_of_its_own():
            roots.forget_shadowed(self._directory, _loaded_after_site())
            del sys.path[0]
        return self._run(hook, _new_main())

    def run_in_place(self, hook):
        """Runs it as the interpreter's own main module; sys.argv is there, and sys.path without the script's directory."""
        return self._run(hook, sys.modules["__main__"])

    def _run(self, hook, module):
        if roots.has_path_of_its_own():
            sys.path.insert(0, self._directory)
        names = module.__dict__
        names["__file__"] = self._path
        names["__cached__"] = None
        if self._path.endswith(".pyc"):
            names["__loader__"] = SourcelessFileLoader("__main__", self._path)
            status = _run(names["__loader__"].get_code, ("__main__",), names, lambda code: code)
        else:
            names["__loader__"] = SourceFileLoader("__main__", self._path)
            status = _run_text(self._source, self._path, file_name(self._path), names, hook, is_file=True)
        names.pop("__file__", None)
        names.pop("__cached__", None)
        return status


class _Text:
    """Code from the command line or from standard input."""

    def __init__(self, name, file, source, arguments):
        self.name = name
        self._file = file
        self._source = source
        self._arguments = arguments

    def roots(self):
        return roots.of_text()

    def run(self, hook):
        sys.argv[:] = self._arguments
        if roots.has_path_of_its_own():
            roots.forget_shadowed(sys.path[0], _loaded_after_site())
            sys.path[0] = ""
        names = _new_main().__dict__
        is_argument = self._source is not None
        if not is_argument:
            self._source = sys.stdin.buffer.read()
            names["__file__"] = self._file
            names["__cached__"] = None
        names["__loader__"] = BuiltinImporter
        status = _run_text(self._source, self._file, "__main__", names, hook, self._show if is_argument else None)
        if not is_argument:
            names.pop("__file__", None)
            names.pop("__cached__", None)
        return status

    def _show(self, code):
        """Lets tracebacks show its lines, as the interpreter does from 3.13 on."""
        if sys.version_info >= (3, 13):
            import linecache

            if hasattr(linecache, "_register_code"):
                linecache._register_code(code if hasattr(linecache, "_interactive_cache") else self._file, self._source, self._file)


def _run(prepare, arguments, names, change):
    # Made as the program's first step: a SyntaxError is shown without a trace of ours.
    done = _kieker.run(prepare, arguments)
    if done is not None:
        done = _kieker.run_code(change(*done), names)
    return 0 if done is not None else 1


def _run_text(source, file, module, names, hook, show=None, is_file=False):
    def change(code):
        if hasattr(hook, "weave_main"):
            code = hook.weave_main(source, code, module)
        if show is not None:
            show(code)
        return code

    if is_file:
        return _run(_kieker.compile_file, (source, file, names), names, change)
    return _run(compile, (source, file, "exec", 0, True), names, change)


# What there was before the agent: __main__.py knows.
loaded_before = ()


def _loaded_after_site():
    loaded = list(sys.modules)
    # A module is listed when its import ends. What comes before site, or without it before io, is there in every program.
    return loaded[loaded.index("site" if "site" in loaded else "io") + 1:]
