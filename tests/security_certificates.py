# SPDX-License-Identifier: Apache-2.0
"""Certificates for the tests of TLS, made by openssl in a temporary directory: two authorities, servers and clients."""
import os
import shutil
import subprocess
import sys

DAY = "%Y%m%d%H%M%SZ"


def need_openssl():
    """Ends the test as skipped where there is no openssl."""
    if shutil.which("openssl") is None:
        print("openssl is missing (Debian: apt-get install openssl): nothing of TLS can be tried")
        sys.exit(77)


def openssl(*arguments, **named):
    done = subprocess.run(("openssl",) + arguments, capture_output=True, **named)
    if done.returncode != 0:
        raise AssertionError("openssl %s: %s" % (" ".join(arguments), done.stderr.decode()))
    return done.stdout.decode()


class Certificates:
    """Files of a directory: NAME.pem, NAME.key (0600), and both together in NAME.both."""

    def __init__(self, directory):
        self.directory = directory
        self.authority("ca")
        self.authority("other-ca")
        self.signed("server", "ca", "DNS:localhost,IP:127.0.0.1")
        self.signed("elsewhere", "ca", "DNS:collector.example")
        self.signed("expired", "ca", "DNS:localhost,IP:127.0.0.1", days="-1")
        self.signed("client", "ca", None)
        self.signed("stranger", "other-ca", None)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _key(self, name):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path(name + ".key"))
        os.chmod(self.path(name + ".key"), 0o600)

    def authority(self, name):
        self._key(name)
        openssl("req", "-x509", "-new", "-key", self.path(name + ".key"), "-subj", "/CN=" + name, "-days", "2", "-out", self.path(name + ".pem"))

    def signed(self, name, authority, alternative, days="2"):
        """days -1: it ended yesterday."""
        self._key(name)
        request, extensions = self.path(name + ".csr"), self.path(name + ".ext")
        openssl("req", "-new", "-key", self.path(name + ".key"), "-subj", "/CN=%s" % name, "-out", request)
        with open(extensions, "w") as f:
            f.write("subjectAltName=%s\n" % alternative if alternative else "extendedKeyUsage=clientAuth\n")
        openssl("x509", "-req", "-in", request, "-CA", self.path(authority + ".pem"), "-CAkey", self.path(authority + ".key"), "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", self.path(name + ".pem"))
        with open(self.path(name + ".both"), "w") as out:
            os.chmod(self.path(name + ".both"), 0o600)
            for part in (".pem", ".key"):
                with open(self.path(name + part)) as f:
                    out.write(f.read())
