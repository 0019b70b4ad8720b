# SPDX-License-Identifier: Apache-2.0
"""The options of the agent: one table, read from the command line, the environment and a configuration file."""

import os
import sys

DEFAULT_WRITER = "tcp://127.0.0.1:10133"

# Among the patterns of --exclude: the program's own code.
PROGRAM = "@program"

_SWITCH = {"yes": "yes", "no": "no", "1": "yes", "0": "no", "true": "yes", "false": "no", "on": "yes", "off": "no"}


class Wrong(Exception):
    """An option is wrong; the text says which and what to do."""


class Option:
    """A row of the table: the command line's --name, KIEKER_NAME in the environment, name = in a configuration file.

    choices are the values that it takes, with PREFIX: for all that begin so. A switch is yes or no, and yes when it is given without a value;
    with other it takes other values, too. A number is of seconds.
    """

    def __init__(self, name, metavar, default, doc, choices=None, many=False, switch=False, other=False, number=False):
        self.name = name
        self.metavar = metavar
        self.default = default
        self.doc = doc
        self.choices = choices
        self.many = many
        self.switch = switch
        self.other = other
        self.number = number
        self.key = name.replace("-", "_")
        self.variable = "KIEKER_" + self.key.upper()

    def check(self, value, where):
        """The value that is meant; raises Wrong."""
        if self.switch:
            if self.other and value and value.lower() not in _SWITCH:
                return value
            if value.lower() not in _SWITCH:
                raise Wrong("%s: %r is none of %s" % (where, value, self.metavar.replace("|", ", ")))
            return _SWITCH[value.lower()]
        if self.choices and not any(value == choice or (choice.endswith(":") and value.startswith(choice)) for choice in self.choices):
            raise Wrong("%s: %r is none of %s" % (where, value, self.metavar.replace("|", ", ")))
        if self.number and not (value.isdecimal() and value.isascii() and len(value) <= 5):
            raise Wrong("%s: %r is not a whole number of seconds below 100000" % (where, value))
        return value


def absolute(path):
    """The same path from wherever; raises Wrong."""
    try:
        return os.path.abspath(path)
    except OSError:
        raise Wrong("%s: the directory in which that should be is no longer there" % path) from None


OPTIONS = (
    Option("include", "PATTERN", (), "observe these modules too, besides the program's own code; PATTERN is a module's name with * and ?,"
           " and package.* is the package too; may be repeated", many=True),
    Option("exclude", "PATTERN", (), "do not observe these modules, whatever includes them; %s is the program's own code;"
           " may be repeated" % PROGRAM, many=True),
    Option("root", "DIRECTORY", "", "the program's own code is what lies below it; several are separated by %s" % os.pathsep
           + " (default: where the script or package is)"),
    Option("writer", "tcp://HOST:PORT|tls://HOST:PORT|file:DIRECTORY|binary:DIRECTORY|null|inactive", DEFAULT_WRITER,
           "where records go: to a collector (tls: encrypted, and only to one that shows that it is who it should be), into Kieker's log files"
           " (as text or binary), nowhere (null: they are made and thrown away);"
           " inactive: nothing is observed", choices=("tcp:", "tls:", "file:", "binary:", "null", "inactive")),
    Option("writer-ca", "FILE", "", "with --writer tls: the authorities (PEM) that the collector's certificate is believed from;"
           " without it the system's"),
    Option("writer-cert", "FILE", "", "with --writer tls: a certificate (PEM) of our own, for a collector that wants one"),
    Option("writer-key", "FILE", "", "with --writer tls: the key of --writer-cert; without it the key is in the same file"),
    Option("record", "events|executions", "events", "what is written: an event for the beginning and for the end of each call,"
           " or one operation execution for each call that has ended", choices=("events", "executions")),
    Option("when-full", "block|drop", "block", "when records cannot be sent as fast as they come: block (the program waits, nothing is lost)"
           " or drop (the program never waits, what is dropped is counted)", choices=("block", "drop")),
    Option("patience", "SECONDS", "60", "how long the program waits, with --when-full block and no more room for records, for a collector that was there"
           " and is gone; then records are dropped until it is back. A collector that comes back earlier gets everything", number=True),
    Option("run", "NAME", "", "the name of this recording"),
    Option("weave", "pre|post|monitor|none", "pre", "how calls are seen: pre (modules get probes as they are imported), post (functions get them"
           " once they exist), monitor (no probes: the interpreter's own events) or none (only what the program asks for itself)",
           choices=("pre", "post", "monitor", "none")),
    Option("hook", "stay|report", "stay", "when the program takes the agent's finder out of sys.meta_path or puts others before it: stay (it comes back,"
           " and looks first) or report (it only says so)", choices=("stay", "report")),
    Option("c-functions", "yes|no", "no", "observe functions that are written in C and called by observed ones, too; needs --weave monitor",
           switch=True),
    Option("lambdas", "yes|no", "no", "observe lambdas too (Python 3.11 or later; not with --weave monitor)", switch=True),
    Option("children", "yes|no", "yes", "observe the Python programs that the program starts, too", switch=True),
    Option("report", "yes|no|json|FILE", "no", "at exit, say on standard error what observing has cost, as text or JSON; or write it to a file,"
           " as JSON if its name ends in .json", switch=True, other=True),
)

BY_NAME = {option.name: option for option in OPTIONS}

USAGE = """usage: python3 -m kieker [OPTION]... (script.py | -m MODULE | -c CODE | -) [ARGUMENT]...
       python3 -m kieker weave PACKAGE... --out DIRECTORY
       python3 -m kieker report [OPTION]...
"""


class Values:
    """The options' values, one attribute each (with _ for -)."""

    def __init__(self):
        for option in OPTIONS:
            setattr(self, option.key, option.default)
        self.own = ()
        self.shown = ""

    def switched_on(self, name):
        """Whether a switch is at yes."""
        return getattr(self, BY_NAME[name].key) == "yes"

    def roots(self):
        """The directories that were given as the program's own."""
        return tuple(absolute(path) for path in self.root.split(os.pathsep) if path)

    def writer_text(self):
        """The writer with all that belongs to it, as the agent takes it."""
        if not self.writer.startswith("tls:"):
            return self.writer
        pairs = [("ca", self.writer_ca), ("cert", self.writer_cert), ("key", self.writer_key)]
        pairs = [(key, absolute(path)) for key, path in pairs if path]
        beside = _library_of_ssl()
        if beside:
            pairs.append(("beside", beside))
        text = "&".join("%s=%s" % (key, _quote(path)) for key, path in pairs)
        return self.writer + ("&" if "?" in self.writer else "?") + text

    def _take(self, option, texts, where):
        values = tuple(option.check(text, where) for text in texts)
        setattr(self, option.key, values if option.many else values[-1])

    def read_file(self, path):
        """Reads the section [kieker] of an ini file."""
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise Wrong("the configuration file %s cannot be read: %s" % (path, getattr(error, "strerror", None) or error)) from None
        section = None
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            where = "%s, line %d" % (path, number)
            if line[0] == "[" and line[-1] == "]":
                section = line[1:-1].strip()
            elif section == "kieker":
                key, equals, value = line.partition("=")
                option = BY_NAME.get(key.strip().replace("_", "-"))
                if not equals or option is None:
                    raise Wrong("%s: there must be NAME = VALUE with one of %s" % (where, ", ".join(BY_NAME)))
                self._take(option, _split(value) if option.many else [value.strip()], where)

    def read_environment(self, environment=None):
        environment = os.environ if environment is None else environment
        if environment.get("KIEKER_CONFIG"):
            self.read_file(environment["KIEKER_CONFIG"])
        for option in OPTIONS:
            text = environment.get(option.variable)
            if text:
                self._take(option, _split(text) if option.many else [text], option.variable)

    def read_arguments(self, given):
        """Takes what parse() found, a list of (name, text)."""
        for name, path in given:
            if name == "config":
                self.read_file(path)
        for option in OPTIONS:
            texts = [text for name, text in given if name == option.name]
            if texts:
                self._take(option, texts, "--" + option.name)

    def written(self, own, shown):
        """All of it as one text without spaces, for another process and whatever directory it is in.

        own are the program's directories, shown what its children's os.environ is to have as KIEKER_START, or "".
        """
        texts = {option.key: getattr(self, option.key) for option in OPTIONS}
        kind, colon, path = self.writer.partition(":")
        if kind in ("file", "binary"):
            texts["writer"] = kind + colon + absolute(path)
        for key in ("writer_ca", "writer_cert", "writer_key"):
            texts[key] = absolute(texts[key]) if texts[key] else ""
        texts["root"] = os.pathsep.join(self.roots())
        texts["include"], texts["exclude"] = ",".join(self.include), ",".join(self.exclude)
        # The report is of one process.
        texts["report"] = "no"
        pairs = [(option.key, texts[option.key]) for option in OPTIONS if texts[option.key] != (option.default or "")]
        return "&".join("%s=%s" % (key, _quote(text)) for key, text in [("own", os.pathsep.join(own)), ("shown", shown)] + pairs)

    def read_written(self, text, where):
        """Takes what written() gave; own and shown, too."""
        for pair in text.split("&"):
            key, equals, value = pair.partition("=")
            value = _unquote(value)
            option = BY_NAME.get(key.replace("_", "-"))
            if equals and key == "own":
                self.own = tuple(filter(None, value.split(os.pathsep)))
            elif equals and key == "shown":
                self.shown = value
            elif equals and option is not None:
                self._take(option, _split(value) if option.many else [value], where)
            else:
                raise Wrong("%s must be 1 or 0, not %r" % (where, text))


def _library_of_ssl():
    """The file of the interpreter's own binding to OpenSSL, or None: so that agent and program have the same one, whichever comes first."""
    finder = sys.modules["_frozen_importlib_external"].PathFinder
    found = finder.find_spec("_ssl")
    return found.origin if found is not None and found.has_location else None


def _quote(text):
    return "".join("%%%02x" % ord(c) if c in "%&" or c <= " " else c for c in text)


def _unquote(text):
    first, *others = text.split("%")
    return first + "".join(chr(int(other[:2], 16)) + other[2:] for other in others)


def _split(text):
    return text.replace(",", " ").split()


def parse(arguments):
    """Splits a command line: ([(option, text)...], the rest). --help and --version end it, with text None."""
    given = []
    arguments = list(arguments)
    while arguments and arguments[0].startswith("-") and arguments[0] not in ("-", "-m", "-c"):
        word = arguments.pop(0)
        if word == "--":
            break
        if word in ("-h", "--help"):
            return [("help", None)], []
        if word == "--version":
            return [("version", None)], []
        name, equals, text = word[2:].partition("=")
        if not word.startswith("--") or (name not in BY_NAME and name != "config"):
            raise Wrong("there is no option %s; see --help" % word.partition("=")[0])
        if not equals:
            if name in BY_NAME and BY_NAME[name].switch:
                # A script of that name is ./yes.
                text = arguments.pop(0) if arguments[:1] in (["yes"], ["no"]) else "yes"
            elif arguments:
                text = arguments.pop(0)
            else:
                raise Wrong("--%s needs a value; see --help" % name)
        given.append((name, text))
    return given, arguments


def help_text():
    """What --help prints."""
    lines = [USAGE, """
Runs a program and sends what its functions do, as Kieker records, to a
collector. weave writes observed bytecode ahead of time, report measures
what observing costs here; each has a --help of its own.

"""]
    for option in OPTIONS:
        lines.append("  --%s %s\n" % (option.name, "[%s]" % option.metavar if option.switch else option.metavar))
        lines.extend("      %s\n" % line for line in _fill(option.doc))
        if option.default:
            lines.append("      default: %s\n" % option.default)
    lines.append("  --config FILE\n      read options from the section [kieker] of this ini file\n")
    lines.append("  --version, --help\n")
    lines.append("""
Each option can also be given as KIEKER_NAME in the environment
(KIEKER_WHEN_FULL=drop) and as a line of the configuration file
(when-full = drop). The command line goes before the environment, the
environment before a file.

With KIEKER_START=1 in the environment, Python programs are observed from
their start without this command, where the package is installed for the
Python that runs them; KIEKER_START=0 keeps a child from being observed.
""")
    return "".join(lines)


def _fill(text, width=72):
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = line + " " + word if line else word
    yield line
