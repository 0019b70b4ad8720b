# SPDX-License-Identifier: Apache-2.0
"""What kieker.pth calls when an interpreter starts with KIEKER_START in its environment: observes the program that is about to run.

KIEKER_START is 1 when a user has set it: then options come from the environment. An observed program leaves to its children all of its
options in there (options.Values.written): os.environ of these is as it would be without.
"""

import os
import sys


_asked = False


def begin():
    """Starts what is asked for. Whatever goes wrong, the program is started as ever."""
    global _asked
    if _asked:
        return  # In a virtual environment each .pth is read twice.
    _asked = True
    before = set(sys.modules)
    try:
        kind, path = _begin()
        _come_after(kind, path, before)
    except Exception as error:
        from kieker import _kieker

        _kieker.say("nothing is observed: %s" % error)


def _come_after(kind, path, before):
    """Lets the program's modules come before those that the agent has loaded since."""
    from kieker import roots

    if roots.has_path_of_its_own():
        roots.forget_shadowed(os.path.dirname(os.path.realpath(path)) if kind == "script" else os.curdir, set(sys.modules) - before)


def _begin():
    from kieker import _kieker, options

    values = options.Values()
    text = os.environ["KIEKER_START"]
    by_user = text.lower() in ("1", "yes", "true", "on")
    if by_user:
        values.read_environment()
    else:
        values.read_written(text, "KIEKER_START")
        _show(values.shown)
    kind, name, plain = program()
    if _kieker.is_running() or (kind == "-m" and name.partition(".")[0] == "kieker"):
        return kind, name  # In another interpreter of this process, or it is about to be by the command.
    from kieker import hook, recording, roots

    given = values.roots()
    if given:
        own = given
    elif kind == "script":
        own = values.own + roots.of_script(name)
    else:
        own = roots.of_text() if by_user else values.own
    found = recording.Recording(values, name, own)
    selection = _selection(hook.Selection, found)(values.include, values.exclude, own)
    if kind == "-m" and not given:
        selection.wait_for(name, by_user)
    observer = found.observe(selection)
    if kind == "script" and plain and not sys.flags.inspect and not name.endswith(".pyc") and hasattr(observer, "weave_main") and not _is_archive(name):
        sys.path_hooks.insert(0, _Trap(name, observer))
    return kind, name


def _show(text):
    """Lets os.environ have KIEKER_START as the parent's has it. The variable itself stays, for the children."""
    variables, key = os.environ._data, os.environ.encodekey("KIEKER_START")
    if text:
        variables[key] = os.environ.encodevalue(text)
    else:
        variables.pop(key, None)


def _selection(base, recording):
    class Selection(base):
        """Begins the recording with the first module that is observed, and finds where the program's package is when it is imported."""

        _awaited = None

        def wait_for(self, module, in_libraries):
            self._awaited = module.partition(".")[0]
            self._in_libraries = in_libraries

        def may_have(self, name):
            if self._awaited is not None and name.partition(".")[0] == self._awaited:
                from kieker import roots

                self._awaited = None
                for root in roots.of_module(name.partition(".")[0], self._in_libraries):
                    self.add_root(root)
            return super().may_have(name)

        def has(self, name, path):
            found = super().has(name, path)
            if found:
                recording.begin_quietly()
            return found

    return Selection


# Of the interpreter's options, those that take a value; -c and -m end them.
_WITH_VALUE = "WX"


def program():
    """What this interpreter is to run: ("script", path, whether in the ordinary way), ("-m", name, True), ("-c", "-c", True) or ("-", "-", True)."""
    first = sys.argv[0] if getattr(sys, "argv", None) else ""
    if first in ("", "-", "-c"):
        return first or "-", first or "-", True
    kind, name, letters = _parse(_command_line())
    if first == "-m" and kind == "-m":
        return "-m", name, True
    return "script", os.path.abspath(first), "x" not in letters


def _command_line():
    found = getattr(sys, "orig_argv", None)
    if found is None:
        with open("/proc/self/cmdline", "rb") as file:
            found = [os.fsdecode(word) for word in file.read().split(b"\0")]
    return found[1:]


def _parse(words):
    """(-c, -m or script, its name, the letters of all options)."""
    letters = ""
    words = iter(words)
    for word in words:
        if word in ("--", "-") or not word.startswith("-"):
            break
        if word.startswith("--"):
            if word == "--check-hash-based-pycs":
                next(words, None)
            continue
        for index, letter in enumerate(word[1:], 2):
            letters += letter
            if letter in "cm" or letter in _WITH_VALUE:
                value = word[index:] or next(words, "")
                if letter in "cm":
                    return "-" + letter, value, letters
                break
    return "script", "", letters


class _Trap:
    """Runs a script in the interpreter's place, with probes.

    The interpreter compiles a script by itself, unseen. Before, it asks sys.path_hooks whether the file is an archive, and if one says so runs
    __main__ by way of runpy. So the script is taken for an archive, and there is a runpy for that one call.
    """

    def __init__(self, path, observer):
        self._path = path
        self._observer = observer

    def __call__(self, path):
        # Others ask from a frame of theirs.
        if sys._getframe().f_back is not None or os.path.abspath(path) != self._path:
            raise ImportError
        before = set(sys.modules)
        from kieker import launch, options

        _come_after("script", path, before)
        try:
            self._script = launch.Script(path, None)
        except options.Wrong:
            raise ImportError from None  # The interpreter says what is wrong with it.
        sys.path_hooks.remove(self)
        self._asked = path
        self._runpy = sys.modules.get("runpy")
        sys.modules["runpy"] = stand_in = type(sys)("runpy")
        stand_in._run_module_as_main = self._run
        return self

    def _run(self, name, alter_argv):
        if self._runpy is None:
            del sys.modules["runpy"]
        else:
            sys.modules["runpy"] = self._runpy
        sys.path_importer_cache[self._asked] = None
        # The interpreter has put the archive there.
        del sys.path[0]
        status = self._script.run_in_place(self._observer)
        if status:
            raise SystemExit(status)


def _is_archive(path):
    for hook in sys.path_hooks:
        try:
            hook(path)
            return True
        except ImportError:
            pass
    return False
