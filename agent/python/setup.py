# SPDX-License-Identifier: Apache-2.0
"""pip install ./agent/python: the package alone, built from a checkout. `make` builds the same with everything else."""

import glob
import os
import re

from setuptools import Extension, setup

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

with open(os.path.join(ROOT, "configure.ac"), encoding="utf-8") as file:
    version = re.search(r"AC_INIT\(\[kieker\], \[([^]]+)\]", file.read()).group(1)

setup(
    name="kieker-agent",
    version=version,
    description="Kieker's agent for Python: what functions do becomes records, without an edit to the program",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=["kieker"],
    package_data={"kieker": ["py.typed", "*.pyi"]},
    ext_modules=[
        Extension(
            "kieker._kieker",
            sources=sorted(path for folder in ("agent/core", "agent/python", "record") for path in glob.glob(os.path.join(ROOT, folder, "*.c"))),
            include_dirs=[ROOT],
            define_macros=[("_GNU_SOURCE", ""), ("PACKAGE_VERSION", '"%s"' % version)],
            extra_compile_args=["-std=gnu11", "-fvisibility=hidden", "-O2"],
        )
    ],
)
