# SPDX-License-Identifier: Apache-2.0
"""What pip calls for the package alone: pip install ./agent/python. `make` builds the same with everything else.

A build backend (PEP 517) of its own, since all that is needed is a compiler: no setuptools, no wheel, no network.
"""

import base64
import glob
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# What the extension is made of, and what is put beside it.
SOURCES = ("agent/core/*.c", "agent/python/*.c", "record/*.c")
HEADERS = ("agent/core/*.h", "agent/python/*.h", "record/*.h", "record/*.def")
PACKAGE = ("kieker/*.py", "kieker/*.pyi", "kieker/py.typed", "kieker.pth")


def _version():
    with open(os.path.join(ROOT, "configure.ac"), encoding="utf-8") as file:
        return re.search(r"AC_INIT\(\[kieker\], \[([^]]+)\]", file.read()).group(1)


def _metadata():
    return ("Metadata-Version: 2.1\nName: kieker-agent\nVersion: %s\nLicense: Apache-2.0\nRequires-Python: >=3.9\n"
            "Summary: Kieker's agent for Python: what functions do becomes records, without an edit to the program\n" % _version())


def _found(patterns, directory=ROOT):
    """(path, name below the directory) of all that fit."""
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(directory, pattern))):
            yield path, os.path.relpath(path, directory)


def _extension(directory):
    """Compiles it; its path."""
    path = os.path.join(directory, "_kieker" + sysconfig.get_config_var("EXT_SUFFIX"))
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    command += ["-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread"] + shlex.split(os.environ.get("CFLAGS", ""))
    command += ["-D_GNU_SOURCE=", '-DPACKAGE_VERSION="%s"' % _version(), "-I" + ROOT, "-I" + sysconfig.get_paths()["include"]]
    command += [source for source, _ in _found(SOURCES)] + ["-o", path] + shlex.split(os.environ.get("LDFLAGS", ""))
    try:
        subprocess.run(command, check=True)
    except OSError as error:
        raise SystemExit("kieker-agent needs a C compiler: %s: %s; install one, or say CC=..." % (command[0], error.strerror)) from None
    return path


def _tag():
    python = "cp%d%d" % sys.version_info[:2]
    return "%s-%s%s-%s" % (python, python, sys.abiflags, re.sub("[-.]", "_", sysconfig.get_platform()))


class _Wheel:
    """A wheel being written."""

    def __init__(self, path):
        self._file = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self._record = []

    def add(self, name, data, mode=0o644):
        row = zipfile.ZipInfo(name)
        row.external_attr = (0o100000 | mode) << 16
        row.compress_type = zipfile.ZIP_DEFLATED
        self._file.writestr(row, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self._record.append("%s,sha256=%s,%d\n" % (name, digest, len(data)))

    def finish(self, information):
        name = information + "/RECORD"
        self._file.writestr(name, "".join(self._record) + name + ",,\n")
        self._file.close()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    distribution = "kieker_agent-" + _version()
    name = "%s-%s.whl" % (distribution, _tag())
    wheel = _Wheel(os.path.join(wheel_directory, name))
    for path, below in _found(PACKAGE, HERE):
        with open(path, "rb") as file:
            wheel.add(below, file.read())
    with tempfile.TemporaryDirectory() as directory:
        path = _extension(directory)
        with open(path, "rb") as file:
            wheel.add("kieker/" + os.path.basename(path), file.read(), 0o755)
    information = distribution + ".dist-info"
    wheel.add(information + "/METADATA", _metadata().encode())
    wheel.add(information + "/WHEEL", ("Wheel-Version: 1.0\nGenerator: kieker\nRoot-Is-Purelib: false\nTag: %s\n" % _tag()).encode())
    wheel.finish(information)
    return name


def build_sdist(sdist_directory, config_settings=None):
    top = "kieker_agent-" + _version()
    with tarfile.open(os.path.join(sdist_directory, top + ".tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        patterns = SOURCES + HEADERS + tuple("agent/python/" + pattern for pattern in PACKAGE)
        for path, below in _found(patterns + ("configure.ac", "LICENSE", "agent/README.md", "agent/python/backend.py")):
            archive.add(path, os.path.join(top, below))
        texts = {"PKG-INFO": _metadata()}
        # In what this makes, it lies at the top.
        path = next(path for path in (os.path.join(HERE, "pyproject.toml"), os.path.join(ROOT, "pyproject.toml")) if os.path.exists(path))
        with open(path, encoding="utf-8") as file:
            texts["pyproject.toml"] = re.sub(r"backend-path = .*", 'backend-path = ["agent/python"]', file.read())
        for name, text in texts.items():
            row = tarfile.TarInfo(os.path.join(top, name))
            row.size = len(text.encode())
            archive.addfile(row, io.BytesIO(text.encode()))
    return top + ".tar.gz"
