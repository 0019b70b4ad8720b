# SPDX-License-Identifier: Apache-2.0
"""What pip calls for these packages: pip install ./agent/python/compat. It needs no setuptools and no network."""

import base64
import hashlib
import io
import os
import re
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))


def _version():
    # In a source distribution, and in a checkout.
    for path, pattern in (("PKG-INFO", r"(?m)^Version: (.*)$"), ("../../../configure.ac", r"AC_INIT\(\[kieker\], \[([^]]+)\]")):
        path = os.path.join(HERE, path)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return re.search(pattern, file.read()).group(1)
    raise SystemExit("kieker-agent-compat is built from a checkout of the whole, or from its source distribution")


def _metadata():
    # The agent is no requirement in pip's sense: `make install` puts it in place, too, and pip must not look for that name elsewhere.
    return ("Metadata-Version: 2.1\nName: kieker-agent-compat\nVersion: %s\nLicense: Apache-2.0\nRequires-Python: >=3.9\n"
            "Summary: The modules `monitoring` and `tools` of the Kieker Python pack, on Kieker's agent for Python\n" % _version())


def _modules():
    """(name below this directory, bytes) of each."""
    for package in ("monitoring", "tools"):
        for directory, _, names in sorted(os.walk(os.path.join(HERE, package))):
            for name in sorted(names):
                if name.endswith(".py"):
                    path = os.path.join(directory, name)
                    with open(path, "rb") as file:
                        yield os.path.relpath(path, HERE), file.read()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    distribution = "kieker_agent_compat-" + _version()
    information = distribution + ".dist-info/"
    parts = list(_modules())
    parts.append((information + "METADATA", _metadata().encode()))
    parts.append((information + "WHEEL", b"Wheel-Version: 1.0\nGenerator: kieker\nRoot-Is-Purelib: true\nTag: py3-none-any\n"))
    record = ["%s,sha256=%s,%d\n" % (name, base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(), len(data))
              for name, data in parts]
    parts.append((information + "RECORD", ("".join(record) + information + "RECORD,,\n").encode()))
    wheel = distribution + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            row = zipfile.ZipInfo(name)
            row.external_attr = 0o100644 << 16
            archive.writestr(row, data, zipfile.ZIP_DEFLATED)
    return wheel


def build_sdist(sdist_directory, config_settings=None):
    top = "kieker_agent_compat-" + _version()
    parts = list(_modules()) + [("PKG-INFO", _metadata().encode())]
    for name in ("backend.py", "pyproject.toml"):
        with open(os.path.join(HERE, name), "rb") as file:
            parts.append((name, file.read()))
    with tarfile.open(os.path.join(sdist_directory, top + ".tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, data in parts:
            row = tarfile.TarInfo(os.path.join(top, name))
            row.size = len(data)
            archive.addfile(row, io.BytesIO(data))
    return top + ".tar.gz"
