# SPDX-License-Identifier: Apache-2.0
"""A real program: Debian's docutils, all of it woven, turns a document of some thousand lines into HTML as it does without the agent."""

import glob
import gzip
import os

import harness

PACKAGES = "/usr/lib/python3/dist-packages"
DOCUMENTS = "/usr/share/doc/docutils-doc/docs/ref/rst/restructuredtext.txt*"

# For a machine without the document: what the writer of a long one uses.
SECTION = """
Section {0}
===========

Some *text* with **markup**, ``code``, a link_{0}, a footnote [#f{0}]_ and `an interpreted role`.

.. _link_{0}: http://example.org/{0}
.. [#f{0}] The note of section {0}.

Part {0}.1
----------

* an item

  - nested, with a substitution |s{0}|
* another

.. |s{0}| replace:: *replaced*

1. counted
2. items

====== ======
a      b
====== ======
{0}    text
====== ======

.. code:: python

   def function(argument):
       return argument + {0}

term
   Its definition::

      A literal block.

.. note:: A note with a list:

   :field: value
   :other: ``{0}``

"""


class Docutils(harness.Case):
    def setUp(self):
        super().setUp()
        if not os.path.isdir(PACKAGES + "/docutils"):
            self.skipTest("docutils is not there: apt-get install python3-docutils")
        self.environment_ = self.environment(PYTHONPATH=harness.PACKAGE_PATH + os.pathsep + PACKAGES)
        found = sorted(glob.glob(DOCUMENTS))
        if found:
            with (gzip.open if found[0].endswith(".gz") else open)(found[0], "rt", encoding="utf-8") as file:
                # Alone it lacks the file that it includes in front.
                self.document = "".join(line for line in file if not line.startswith(".. include::"))
        else:
            self.document = "Title\n#####\n" + "".join(SECTION.format(i) for i in range(60))
        self.write("document.rst", self.document)
        self.write("rst2html.py", "from docutils.core import publish_cmdline, default_description\npublish_cmdline(writer_name='html')\n")

    def run_it(self, output, agent=None, **options):
        done = self.finish(self.start(["rst2html.py", "document.rst", output], agent, env=self.environment_, **options))
        with open(os.path.join(self.directory, output), "rb") as file:
            return done.returncode, done.stdout, done.stderr, file.read()

    def test_same_html(self):
        if self.finish(self.start(["-c", "import docutils"], None, env=self.environment_)).returncode:
            self.skipTest("this Python does not run Debian's docutils")
        self.assertGreater(self.document.count("\n"), 1500)
        plain = self.run_it("plain.html")
        self.assertEqual(plain[0], 0)
        prefix = ["-X", "pycache_prefix=" + self.directory + "/cache"]
        shapes = []
        for again in range(2):
            sink = self.sink()
            observed = self.run_it("observed%d.html" % again, ["--include", "docutils.*", "--include", "rst2html", "--writer", sink.address],
                                   interpreter=prefix)
            self.assertEqual(observed, plain)
            stream, = sink.streams()
            traces = stream.traces()
            calls = [call for trace in traces for call in trace.walk()]
            self.assertGreater(len(calls), 20000)
            self.assertGreater(len({(call.component, call.operation) for call in calls}), 300)
            shapes.append([trace.shape() for trace in traces])
            self.assertEqual(max(traces, key=lambda trace: trace.ended - trace.begun).operation, "publish_cmdline")
        # The second run took woven code from the cache, and did the same.
        self.assertEqual(shapes[0], shapes[1])


if __name__ == "__main__":
    harness.main()
