# SPDX-License-Identifier: Apache-2.0
"""What these packages want of the agent; nothing else in them knows it."""

import os
import re
import sys

import kieker
from kieker import _kieker, options, recording

_PACK = re.compile(r"(__editable__\.)?kieker[-_.]monitoring[-_.]for[-_.]python\b|(__editable__\.)?kieker_monitoring_for_python[-_.]", re.IGNORECASE)

_started_with = None


def refuse_the_pack(here):
    """Raises RuntimeError when the Kieker Python pack is installed, too: both bring the same files."""
    for directory in sys.path:
        try:
            names = os.listdir(directory or os.curdir)
        except OSError:
            continue
        found = next(filter(_PACK.match, names), None)
        if found is not None:
            # No ImportError: that would be taken for "not installed" by programs that then go on unobserved.
            raise RuntimeError(
                "the Kieker Python pack (%s) is installed together with kieker-agent-compat (%s), and both have the modules `monitoring` and"
                " `tools`: uninstall both, then install the one you want" % (os.path.join(directory, found), os.path.dirname(here)))


def say(text):
    """One line of the agent on standard error."""
    _kieker.say(text)


def start(writer):
    """Starts the agent with that writer; the environment goes before it (KIEKER_WRITER and so on). Raises ValueError."""
    global _started_with
    if _started_with == writer:
        return
    if recording.current is not None or _kieker.is_running():
        say("records go where the agent was told first%s, not to %s" % (" (%s)" % _started_with if _started_with else "", writer))
        return
    values = options.Values()
    # The pack observes the process that asks for it.
    values.children = "no"
    try:
        values.writer = options.BY_NAME["writer"].check(writer, "writer")
        values.read_environment()
        recording.Recording(values, os.path.abspath(sys.argv[0]) if sys.argv and sys.argv[0] else "", ()).begin()
    except options.Wrong as wrong:
        recording.current = None
        raise ValueError(str(wrong)) from None
    _started_with = writer


def record(name, values):
    """Sends a record that a program made itself."""
    if _kieker.is_running():
        _kieker.record(name, values)


def instrument(thing):
    """Observes a function, the functions of a class, or all that a module has, in place. What the agent cannot observe stays as it is."""
    from kieker import byhand

    try:
        byhand.instrument(thing)
    except TypeError:
        pass


def is_own(name):
    """Whether that module is part of the agent or of these packages."""
    return name.partition(".")[0] in ("kieker", "monitoring", "tools")


def take_counters(finder):
    """Has kieker.stats() count what that finder weaves, if nobody else does."""
    if kieker._hook is None:
        kieker._hook = finder
