# SPDX-License-Identifier: Apache-2.0
"""The recording of this process: from options to an agent that runs and modules that are observed, and its end with the program."""

import atexit
import os
import sys

import kieker
from kieker import _kieker, options
from kieker.names import file_name

# How long the end of the program may be put off for records that are still to be sent, in seconds.
PATIENCE = 10.0

# The Recording of this process, once options have decided about it.
current = None


class Recording:
    """What is to be recorded, by which options. The agent itself can begin later: where nothing is observed, nothing is connected."""

    def __init__(self, values, program, roots):
        """program is the name that the recording is known by; roots are the directories of the program's own code."""
        global current
        if values.switched_on("lambdas"):
            if values.weave == "monitor":
                raise options.Wrong("--lambdas needs --weave pre or post: monitor leaves them out")
            _weave_lambdas()
        if values.switched_on("c-functions") and values.weave != "monitor":
            raise options.Wrong("--c-functions needs --weave monitor")
        self._values = values
        self._program = program
        self._roots = roots
        self._begun = values.writer == "inactive"
        current = self
        self._pass_on()

    def begin(self):
        """Starts the agent if it does not run; raises options.Wrong."""
        if self._begun:
            return
        self._begun = True
        values = self._values
        try:
            _kieker.start(values.writer_text(), values.when_full, values.run, self._program, values.record, float(values.patience))
        except (ValueError, RuntimeError) as error:
            raise options.Wrong(str(error)) from None
        atexit.register(self._end)
        if values.report != "no":
            from kieker import report

            report.begin(values.report, values.weave)

    def begin_quietly(self):
        """The same, with what is wrong said on standard error."""
        try:
            self.begin()
        except options.Wrong as wrong:
            _kieker.say("nothing is recorded: %s" % wrong)

    def observe(self, selection):
        """Has what is selected observed from now on; the import hook if there is one, or None."""
        values = self._values
        if values.writer == "inactive" or values.weave == "none":
            return None
        if values.weave == "pre":
            from kieker import hook

            found = hook.Hook(selection, values.hook == "stay", ("lambdas",) if values.switched_on("lambdas") else ())
            found.install()
        elif values.weave == "post":
            from kieker import post

            found = post.start(selection)
        else:
            from kieker import monitor

            self.begin()
            found = monitor.start(selection, values.switched_on("c-functions"))
        kieker._hook = found
        if hasattr(found, "weave_main"):
            _kieker.watch_runs(lambda source, plain: found.weave_main(source, plain, file_name(plain.co_filename)))
        return found

    def _pass_on(self):
        """Leaves to the programs that this one starts what they need to be observed, too."""
        values = self._values
        if values.writer != "inactive" and values.switched_on("children"):
            _kieker.pass_on(values.written(self._roots, os.environ.get("KIEKER_START", "")))
        elif "KIEKER_START" in os.environ:
            # An unwished-for one would start them all the same.
            del os.environ["KIEKER_START"]

    def _end(self):
        _kieker.stop(PATIENCE)
        if self._values.report != "no":
            from kieker import report

            report.at_exit()


def _weave_lambdas():
    from kieker import lambdas, weave

    if not lambdas.ARE_POSSIBLE:
        raise options.Wrong("--lambdas needs Python 3.11 or later")
    weave.with_lambdas = True
