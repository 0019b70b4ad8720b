# SPDX-License-Identifier: Apache-2.0
"""python3 -m kieker weave: weaves packages ahead of time, for programs whose start cannot be changed.

Below DIRECTORY comes a copy of each package, data and all, to be put on PYTHONPATH in front of the original. Beside the sources lies
bytecode that the interpreter loads like its own, and takes only for exactly that text: a source that is edited there runs as edited,
unobserved. What is woven begins with a call of kieker.bound.bind, which puts probes in the place of placeholders: probes are no constants that a file could hold.
"""

import _ast
import _imp
import fnmatch
import marshal
import os
import shutil
import sys
import time

from _frozen_importlib_external import MAGIC_NUMBER, PathFinder, cache_from_source, _write_atomic

from kieker import _kieker, bound, finish, weave

USAGE = """usage: python3 -m kieker weave PACKAGE... --out DIRECTORY [--exclude PATTERN]...

Copies packages to DIRECTORY and weaves them there, for programs that cannot be started by python3 -m kieker: put DIRECTORY in front of
PYTHONPATH, and options as KIEKER_NAME into the environment. The agent starts with the first woven module that is imported.

PACKAGE is the name of a package or module, or the path of its directory or file. Of package.part all is copied, and part is woven.

  --out DIRECTORY     where to; what this command has put there before is replaced
  --exclude PATTERN   do not weave these modules; may be repeated
"""

# The file in DIRECTORY that says what was put there.
_LIST = "kieker-woven.txt"


class _Wrong(Exception):
    """The command cannot be carried out; the text says why."""


def main(arguments):
    """Returns the exit status."""
    try:
        names, out, exclude = _parse(arguments)
        if names is None:
            sys.stdout.write(USAGE)
            return 0
        begun = time.monotonic()
        done = _Weaving(out, exclude)
        for found in [_find(name) for name in names]:
            done.weave(*found)
        if not done.modules:
            raise _Wrong("there is nothing to weave in %s: no function in Python source" % ", ".join(names))
    except (_Wrong, OSError) as wrong:
        sys.stderr.write("kieker: %s\n" % wrong)
        return 2
    sys.stdout.write("%d modules, %d functions woven in %.1f s; %d modules have none or stay as they are\n"
                     % (done.modules, done.functions, time.monotonic() - begun, done.others))
    return 0


def _parse(arguments):
    names, out, exclude = [], None, []
    arguments = list(arguments)
    while arguments:
        word = arguments.pop(0)
        if word in ("-h", "--help"):
            return None, None, None
        if not word.startswith("-"):
            names.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in ("--out", "--exclude"):
            raise _Wrong("there is no option %s; see python3 -m kieker weave --help" % name)
        if not equals:
            if not arguments:
                raise _Wrong("%s needs a value" % name)
            value = arguments.pop(0)
        if name == "--out":
            out = value
        else:
            exclude.append(value)
    if not names or not out:
        raise _Wrong("say what to weave, and where to: PACKAGE... --out DIRECTORY; see python3 -m kieker weave --help")
    return names, os.path.abspath(out), exclude


def _find(name):
    """(top-level name, path of its file or directory, the pattern of modules to be woven)"""
    if os.sep in name or name.endswith(".py"):
        path = os.path.abspath(name)
        if not os.path.exists(path):
            raise _Wrong("there is no %s" % name)
        top = os.path.basename(path)
        if os.path.isfile(path):
            if not top.endswith(".py"):
                raise _Wrong("%s is no Python source" % name)
            top = top[:-3]
        if not top.isidentifier():
            raise _Wrong("%s cannot be a module's name" % top)
        return top, [path], top
    top = name.partition(".")[0]
    spec = PathFinder.find_spec(top, [os.getcwd()] + sys.path)
    if spec is None:
        raise _Wrong("there is no module %s%s" % (top, ", it is built in" if top in sys.builtin_module_names else ""))
    if spec.submodule_search_locations is not None:
        paths = list(spec.submodule_search_locations)
    else:
        paths = [spec.origin]
    for path in paths:
        if not os.path.exists(path):
            raise _Wrong("%s lies in an archive, %s: unpack it first" % (top, path))
    libraries = os.path.realpath(os.path.dirname(os.__file__)) + os.sep
    if os.path.realpath(paths[0]).startswith(libraries) and not {"site-packages", "dist-packages"} & set(paths[0].split(os.sep)):
        raise _Wrong("%s is part of the standard library, which the agent itself needs: observe it by --include" % top)
    if os.path.isfile(paths[0]) and not paths[0].endswith(".py"):
        raise _Wrong("%s has no Python source: %s" % (top, paths[0]))
    return top, paths, name


class _Weaving:
    """What goes to one directory."""

    def __init__(self, out, exclude):
        self._out = out
        self._exclude = exclude
        self._pattern = None
        self.modules = self.functions = self.others = 0

    def weave(self, top, paths, pattern):
        """Copies a package, or a module, and weaves what of it fits the pattern."""
        self._pattern = pattern
        self._make_room(top)
        for path in paths:
            if os.path.isfile(path):
                target = os.path.join(self._out, top + ".py")
                shutil.copy2(path, target)
                self._weave_file(top, target)
                continue
            if (self._out + os.sep).startswith(os.path.realpath(path) + os.sep):
                raise _Wrong("%s lies in %s: choose another place" % (self._out, path))
            target = os.path.join(self._out, top)
            shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            for directory, _, files in os.walk(target):
                package = ".".join([top] + os.path.relpath(directory, target).split(os.sep)).rstrip(".")
                for file in sorted(files):
                    if file.endswith(".py"):
                        name = package if file == "__init__.py" else "%s.%s" % (package, file[:-3])
                        self._weave_file(name, os.path.join(directory, file))

    def _make_room(self, top):
        os.makedirs(self._out, exist_ok=True)
        listed = os.path.join(self._out, _LIST)
        known = set()
        if os.path.exists(listed):
            with open(listed, encoding="utf-8") as file:
                known.update(file.read().split())
        for path in (os.path.join(self._out, top), os.path.join(self._out, top + ".py")):
            if not os.path.lexists(path):
                continue
            if top not in known:
                raise _Wrong("%s is there already, and not by this command" % path)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        with open(listed, "w", encoding="utf-8") as file:
            file.write("".join("%s\n" % name for name in sorted(known | {top})))

    def _weave_file(self, name, path):
        if not self._is_wanted(name):
            self.others += 1
            return
        with open(path, "rb") as file:
            source = file.read()
        try:
            code, functions = woven(source, path, name)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            sys.stderr.write("kieker: %s stays as it is: %s: %s\n" % (name, type(error).__name__, error))
            functions = 0
        if not functions:
            self.others += 1
            return
        self.modules += 1
        self.functions += functions
        # Valid for this text alone, checked at each import; the time of a file would not outlive many a way of copying it.
        head = MAGIC_NUMBER + (3).to_bytes(4, "little") + _imp.source_hash(int.from_bytes(MAGIC_NUMBER, "little"), source)
        target = cache_from_source(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _write_atomic(target, head + marshal.dumps(code), os.stat(path).st_mode & 0o666 | 0o200)

    def _is_wanted(self, name):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self._exclude):
            return False
        return name == self._pattern or name.startswith(self._pattern + ".")


def woven(source, path, name):
    """(the code of the module, which binds itself when it is run; how many functions are in it)"""
    tree = _kieker.compile_quietly(source, path, weave._ONLY_AST)
    weaver = weave.Weaver(name)
    weaver.weave(tree)
    if weaver.operations:
        tree.body.insert(_after_head(tree.body), _call(weaver.table()))
    return finish.finish(_kieker.compile_quietly(tree, path)), len(weaver.operations)


def _after_head(body):
    """Where a module's first statement goes: behind its text and what it takes from the future."""
    at = 0
    if body and isinstance(body[0], _ast.Expr) and isinstance(body[0].value, _ast.Constant) and type(body[0].value.value) is str:
        at = 1
    while at < len(body) and isinstance(body[at], _ast.ImportFrom) and body[at].module == "__future__":
        at += 1
    return at


def _call(operations):
    # __import__("kieker.bound").bound.bind(...): no name of the module is touched.
    place = weave._place(None if weave._HAS_NO_LINE else 1)
    load = _ast.Load()

    def constant(value):
        return _ast.Constant(value=value, kind=None, **place)

    def call(function, *arguments):
        return _ast.Call(func=function, args=list(arguments), keywords=[], **place)

    found = call(_ast.Name(id="__import__", ctx=load, **place), constant("kieker.bound"))
    for name in "bound", "bind":
        found = _ast.Attribute(value=found, attr=name, ctx=load, **place)
    return _ast.Expr(value=call(found, constant(bound.LAYOUT), constant(_kieker.__version__), constant(operations)), **place)
