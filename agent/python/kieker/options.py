# SPDX-License-Identifier: Apache-2.0
"""The options of the agent: one table, read from the command line, the environment and a configuration file."""

import os

DEFAULT_WRITER = "tcp://127.0.0.1:10133"


class Wrong(Exception):
    """An option is wrong; the text says which and what to do."""


class Option:
    """A row of the table: the command line's --name, KIEKER_NAME in the environment, name = in a configuration file."""

    def __init__(self, name, metavar, default, doc, choices=None, many=False):
        self.name = name
        self.metavar = metavar
        self.default = default
        self.doc = doc
        self.choices = choices
        self.many = many
        self.key = name.replace("-", "_")
        self.variable = "KIEKER_" + self.key.upper()

    def check(self, value, where):
        if self.choices and not any(value == choice or (choice.endswith(":") and value.startswith(choice)) for choice in self.choices):
            wanted = ", ".join(choice + "//HOST:PORT" if choice.endswith(":") else choice for choice in self.choices)
            raise Wrong("%s: %r is none of %s" % (where, value, wanted))
        return value


OPTIONS = (
    Option("include", "PATTERN", (), "observe these modules instead of the program's own code; PATTERN is a module's name with * and ?,"
           " and package.* is the package too; may be repeated", many=True),
    Option("exclude", "PATTERN", (), "do not observe these modules; may be repeated", many=True),
    Option("writer", "WRITER", DEFAULT_WRITER, "where records go: tcp://HOST:PORT (a collector), null (they are made and thrown away)"
           " or inactive (nothing is observed)", choices=("tcp:", "null", "inactive")),
    Option("when-full", "WHAT", "block", "when records cannot be sent as fast as they come: block (the program waits, nothing is lost)"
           " or drop (the program never waits, what is dropped is counted)", choices=("block", "drop")),
    Option("run", "NAME", "", "the name of this recording"),
    Option("weave", "WHEN", "pre", "pre (modules are observed as they are imported) or none (only what the program asks for itself)",
           choices=("pre", "none")),
)

BY_NAME = {option.name: option for option in OPTIONS}

USAGE = "usage: python3 -m kieker [OPTION]... (script.py | -m MODULE) [ARGUMENT]...\n"


class Values:
    """The options' values, one attribute each (with _ for -)."""

    def __init__(self):
        for option in OPTIONS:
            setattr(self, option.key, option.default)

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


def _split(text):
    return text.replace(",", " ").split()


def parse(arguments):
    """Splits a command line: ([(option, text)...], the rest). --help and --version end it, with text None."""
    given = []
    arguments = list(arguments)
    while arguments and arguments[0].startswith("-") and arguments[0] not in ("-", "-m"):
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
            if not arguments:
                raise Wrong("--%s needs a value; see --help" % name)
            text = arguments.pop(0)
        given.append((name, text))
    return given, arguments


def help_text():
    """What --help prints."""
    lines = [USAGE, "Runs a program and sends what its functions do, as Kieker records, to a collector.\n"]
    for option in OPTIONS:
        lines.append("  --%s %s\n" % (option.name, option.metavar))
        lines.extend("      %s\n" % line for line in _fill(option.doc))
        if option.default:
            lines.append("      default: %s\n" % option.default)
    lines.append("  --config FILE\n      read options from the section [kieker] of this ini file\n")
    lines.append("  --version, --help\n\n")
    lines.append("Each option can also be given as KIEKER_NAME in the environment (KIEKER_WHEN_FULL=drop) and as a line in the\n"
                 "configuration file (when-full = drop). The command line goes before the environment, the environment before a file.\n")
    return "".join(lines)


def _fill(text, width=100):
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = line + " " + word if line else word
    yield line
