# SPDX-License-Identifier: Apache-2.0
"""pip install ./agent/python/compat: the Kieker Python pack's module names on this agent, which is a distribution of its own."""

import os
import re

from setuptools import find_namespace_packages, setup

HERE = os.path.dirname(os.path.abspath(__file__))

with open(os.path.join(HERE, "..", "..", "..", "configure.ac"), encoding="utf-8") as file:
    version = re.search(r"AC_INIT\(\[kieker\], \[([^]]+)\]", file.read()).group(1)

# The agent is no requirement in pip's sense: `make install` puts it in place too, and pip must not look for that name elsewhere.
setup(
    name="kieker-agent-compat",
    version=version,
    description="The modules `monitoring` and `tools` of the Kieker Python pack, on Kieker's agent for Python",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=find_namespace_packages(HERE, include=["monitoring", "monitoring.*", "tools"]),
    package_dir={"": os.path.relpath(HERE)},
)
