# SPDX-License-Identifier: Apache-2.0
"""Who may read: the token, the session of the page, HTTPS, and requests that pages of other sites make."""
import http.client
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import unittest

from e2e_collector_process import Collector, PATIENCE, program, until
from security_certificates import Certificates, need_openssl

DATA = ("/api/v1/status", "/api/v1/openapi.json", "/api/v1/sql?query=SELECT+1", "/api/v1/nothing", "/api/", "/metrics")
TOKEN = "a-token-that-nobody-guesses"


def write(path, text, mode=0o600):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def bearer(token):
    return {"Authorization": "Bearer " + token}


class Files(unittest.TestCase):
    """What is refused at the start, each in a sentence that says what to do."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, self.directory)

    def refused(self, *options):
        done = subprocess.run([program(), "--port", "0", "--http-port", "0", "--database", os.path.join(self.directory, "db")] + list(options),
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 1, done)
        self.assertFalse(os.path.exists(os.path.join(self.directory, "db")))
        return done.stderr

    def test_tokens(self):
        path = os.path.join(self.directory, "token")
        self.assertIn("No such file", self.refused("--http-token", path))
        self.assertIn("chmod 600", self.refused("--http-token", write(path, TOKEN, 0o644)))
        self.assertIn("chmod 600", self.refused("--http-token", write(path, TOKEN, 0o620)))
        self.assertIn("shorter than 16", self.refused("--http-token", write(path, "123456789012345\n")))
        self.assertIn("openssl rand", self.refused("--http-token", write(path, "two words are no token")))
        self.assertIn("openssl rand", self.refused("--http-token", write(path, "")))
        self.assertIn("is no file", self.refused("--http-token", self.directory))

    def test_keys(self):
        path = os.path.join(self.directory, "key")
        self.assertIn("--http-cert", self.refused("--http-key", path))
        self.assertIn("No such file", self.refused("--http-cert", path))
        self.assertIn("chmod 600", self.refused("--http-cert", write(path, "x", 0o644)))
        self.assertIn("PEM", self.refused("--http-cert", write(path, "x")))


class Sites(unittest.TestCase):
    """Requests that a browser makes for a page of another site carry who that is."""

    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.own = "127.0.0.1:%d" % cls.collector.http_port

    @classmethod
    def tearDownClass(cls):
        cls.collector.__exit__()

    def status(self, path, method="GET", **headers):
        return self.collector.ask(path, method, {k.replace("_", "-"): v for k, v in headers.items()})[0]

    def test_origin(self):
        for path in ("/api/v1/status", "/api/v1/nothing", "/metrics"):
            for origin in ("http://evil.example", "null", "https://evil.example:8080", "http://127.0.0.1:1", "http://localhost.evil.example",
                           "http://%s.evil.example" % self.own, "file://", "http://evil@%s" % self.own, self.own, ""):
                self.assertEqual(self.status(path, Origin=origin), 403, origin)
            for origin in ("http://" + self.own, "https://" + self.own):
                self.assertIn(self.status(path, Origin=origin), (200, 404), origin)
        # A stream of events that a page of another site opens.
        self.assertEqual(self.status("/api/v1/events", Origin="http://evil.example", Accept="text/event-stream"), 403)

    def test_fetch_site(self):
        for site in ("cross-site", "same-site", "CROSS-SITE", "what"):
            self.assertEqual(self.status("/api/v1/sql?query=SELECT+1", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors"), 403, site)
        for site in ("same-origin", "none"):
            self.assertEqual(self.status("/api/v1/sql?query=SELECT+1", Sec_Fetch_Site=site), 200, site)
        # A link to a view of the page is one that others may set.
        self.assertEqual(self.status("/traces", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"), 200)

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"):
            self.assertIn(self.status("/api/v1/status", method), (405, 501), method)
        self.assertEqual(self.status("/login", "POST", Origin="http://evil.example"), 403)
        self.assertEqual(self.status("/login", "POST"), 404)

    def test_rebinding(self):
        """A name that its owner points here: right for the browser, unknown to us."""
        for path in ("/", "/api/v1/status", "/login", "/healthz"):
            self.assertEqual(self.status(path, Host="rebound.example", Origin="http://rebound.example", Sec_Fetch_Site="same-origin"), 421)

    def test_headers(self):
        for path in ("/", "/api/v1/status", "/metrics", "/no/such.file", "/api/v1/trace?id=<script>"):
            _, headers, _ = self.collector.ask(path)
            policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
            self.assertEqual((policy["default-src"], policy["script-src"], policy["frame-ancestors"], policy["base-uri"], policy["form-action"]),
                             ("'none'", "'self' 'wasm-unsafe-eval'", "'none'", "'none'", "'none'"))
            self.assertNotRegex(headers["Content-Security-Policy"], r"unsafe-inline|unsafe-eval' |\*|https?:")
            self.assertEqual([headers[name] for name in ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy",
                                                         "Cross-Origin-Opener-Policy")], ["nosniff", "no-referrer", "same-origin", "same-origin"])
            self.assertFalse([name for name in headers if name.lower().startswith("access-control-")])


class Token(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="kieker-test-")
        cls.file = write(os.path.join(cls.directory, "token"), TOKEN + "\n")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def query(self, collector, *options, **environment):
        done = subprocess.run([os.environ["KIEKER_QUERY"], "--server", "http://127.0.0.1:%d" % collector.http_port, "status"] + list(options),
                              capture_output=True, text=True, timeout=PATIENCE,
                              env={**{k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}, **environment})
        return done.returncode, done.stderr

    def test_token(self):
        with Collector("--http-token", self.file) as collector:
            for path in DATA + ("/api/v1/events",):
                for headers in ({}, bearer(""), bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(TOKEN.upper()), {"Authorization": TOKEN},
                                {"Authorization": "Basic " + TOKEN}, {"Cookie": "kieker_session_%d=%s" % (collector.http_port, TOKEN)}):
                    status, answered, body = collector.ask(path, headers=headers)
                    self.assertIn(status, (401, 429), (path, headers))
                    self.assertNotIn(TOKEN.encode(), body)
                    if status == 401:
                        self.assertEqual(answered["WWW-Authenticate"], "Bearer")
            # What tells nothing of the program needs none.
            for path in ("/", "/traces", "/login", "/healthz"):
                self.assertEqual(collector.ask(path)[0], 200, path)

    def test_query(self):
        with Collector("--http-token", self.file) as collector:
            self.assertEqual(collector.ask("/api/v1/status", headers=bearer(TOKEN))[0], 200)
            self.assertEqual(collector.ask("/metrics", headers={"Authorization": "bearer  " + TOKEN})[0], 200)
            self.assertEqual(self.query(collector, KIEKER_TOKEN=TOKEN), (0, ""))
            self.assertEqual(self.query(collector, "--token-file", self.file), (0, ""))
            self.assertEqual(self.query(collector, KIEKER_TOKEN_FILE=self.file), (0, ""))
            status, said = self.query(collector)
            self.assertEqual(status, 3)
            self.assertIn("KIEKER_TOKEN", said)
            status, said = self.query(collector, KIEKER_TOKEN="a wrong one")
            self.assertEqual(status, 3)
            self.assertIn("wrong", said)

    def test_session(self):
        with Collector("--http-token", self.file) as collector:
            status, headers, _ = collector.ask("/login", "POST", bearer(TOKEN))
            self.assertEqual(status, 200)
            cookie = headers["Set-Cookie"]
            self.assertRegex(cookie, r"^kieker_session_%d=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict$" % collector.http_port)
            self.assertNotIn(TOKEN, cookie)
            session = {"Cookie": "theme=dark; " + cookie.split(";")[0]}
            for path in DATA:
                self.assertIn(collector.ask(path, headers=session)[0], (200, 404), path)
            self.assertEqual(collector.ask("/api/v1/status", headers={**session, "Origin": "http://evil.example"})[0], 403)
            # A session begets no other, and a wrong digit is none.
            self.assertEqual(collector.ask("/login", "POST", session)[0], 401)
            digit = "1" if session["Cookie"][-1] == "0" else "0"
            self.assertEqual(collector.ask("/api/v1/status", headers={"Cookie": session["Cookie"][:-1] + digit})[0], 401)
            self.assertEqual(collector.ask("/login", "POST", bearer("wrong"))[0], 401)
            # Another token, read again: sessions of the old one end.
            other = write(self.file, "another-token-of-the-same-file")
            self.addCleanup(write, other, TOKEN + "\n")
            collector.process.send_signal(signal.SIGHUP)
            until(lambda: collector.ask("/api/v1/status", headers=bearer("another-token-of-the-same-file"))[0] == 200, "the other token")
            self.assertEqual(collector.ask("/api/v1/status", headers=session)[0], 401)
            self.assertEqual(collector.ask("/api/v1/status", headers=bearer(TOKEN))[0], 401)
            # What cannot be a token changes nothing, and is said.
            write(self.file, "short")
            collector.process.send_signal(signal.SIGHUP)
            until(lambda: collector.log_lines("the token stays as it was", "shorter than 16"), "the log to say so")
            self.assertEqual(collector.ask("/api/v1/status", headers=bearer("another-token-of-the-same-file"))[0], 200)

    def test_guessing(self):
        with Collector("--http-token", self.file) as collector:
            session = {"Cookie": collector.ask("/login", "POST", bearer(TOKEN))[1]["Set-Cookie"].split(";")[0]}
            answers = [collector.ask("/api/v1/status", headers=bearer("guess-%d" % i))[0] for i in range(14)]
            self.assertEqual(answers, [401] * 10 + [429] * 4)
            # From here no token is looked at for a while; who has a session does not notice.
            status, headers, body = collector.ask("/api/v1/status", headers=bearer(TOKEN))
            self.assertEqual(status, 429, body)
            self.assertEqual(headers["Retry-After"], "60")
            self.assertEqual(collector.ask("/api/v1/status", headers=session)[0], 200)

    def test_many_sessions(self):
        """As many as there are places; the one that rested longest goes, and the one in use stays."""
        with Collector("--http-token", self.file) as collector:
            def log_in():
                return {"Cookie": collector.ask("/login", "POST", bearer(TOKEN))[1]["Set-Cookie"].split(";")[0]}
            first, second = log_in(), log_in()
            for _ in range(260):
                log_in()
                self.assertEqual(collector.ask("/api/v1/openapi.json", headers=first)[0], 200)
            self.assertEqual(collector.ask("/api/v1/status", headers=second)[0], 401)

    def test_warnings(self):
        def warnings(*options):
            with Collector(*options) as collector:
                self.assertEqual(collector.stop(), 0)
                return "\n".join(collector.log_lines(" warn "))
        self.assertEqual(warnings(), "")
        said = warnings("--http-listen", "0.0.0.0", "--listen", "0.0.0.0")
        self.assertIn("--http-token", said)
        self.assertIn("--http-cert", said)
        self.assertIn("--tls-cert", said)
        self.assertNotIn("--http-token", warnings("--http-listen", "0.0.0.0", "--http-token", self.file))


class Https(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="kieker-test-")
        cls.certificates = Certificates(cls.directory)
        cls.path = cls.certificates.path

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def ask(self, collector, path, headers=None, method="GET", host="localhost", authority="ca", least=None, most=None):
        context = ssl.create_default_context(cafile=self.path(authority + ".pem"))
        if most:
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = most
            context.set_ciphers("ALL:@SECLEVEL=0")
        if least:
            context.minimum_version = least
        connection = http.client.HTTPSConnection(host, collector.http_port, timeout=PATIENCE, context=context)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def test_https(self):
        token = write(self.path("token"), TOKEN)
        with Collector("--http-cert", self.path("server.pem"), "--http-key", self.path("server.key"), "--http-token", token) as collector:
            self.assertIn("page=https://127.0.0.1:%d/" % collector.http_port, collector.log())
            for host in ("localhost", "127.0.0.1"):
                self.assertEqual(self.ask(collector, "/healthz", host=host)[0], 200)
            self.assertEqual(self.ask(collector, "/api/v1/status")[0], 401)
            self.assertEqual(self.ask(collector, "/api/v1/status", bearer(TOKEN))[0], 200)
            self.assertEqual(self.ask(collector, "/healthz", least=ssl.TLSVersion.TLSv1_3)[0], 200)
            self.assertEqual(self.ask(collector, "/healthz", most=ssl.TLSVersion.TLSv1_2)[0], 200)
            with self.assertRaises(ssl.SSLError):
                self.ask(collector, "/healthz", most=ssl.TLSVersion.TLSv1_1)
            with self.assertRaises(ssl.SSLCertVerificationError):
                self.ask(collector, "/healthz", authority="other-ca")
            _, headers, _ = self.ask(collector, "/login", bearer(TOKEN), "POST")
            self.assertTrue(headers["Set-Cookie"].endswith("; Secure"), headers["Set-Cookie"])
            # Plain HTTP at the same port is no request.
            with self.assertRaises((http.client.HTTPException, OSError)):
                collector.ask("/healthz")
            self.assertEqual(self.ask(collector, "/healthz")[0], 200)

    def test_reload(self):
        both = self.path("now.both")
        shutil.copy(self.path("elsewhere.both"), both)
        with Collector("--http-cert", both) as collector:
            with self.assertRaises(ssl.SSLCertVerificationError):
                self.ask(collector, "/healthz")
            shutil.copy(self.path("server.both"), both)
            collector.process.send_signal(signal.SIGHUP)

            def is_new():
                try:
                    return self.ask(collector, "/healthz")[0] == 200
                except ssl.SSLCertVerificationError:
                    return False
            until(is_new, "the new certificate")
            write(both, "no certificate")
            collector.process.send_signal(signal.SIGHUP)
            until(lambda: collector.log_lines("the certificate of HTTPS stays as it was"), "the log to say so")
            self.assertEqual(self.ask(collector, "/healthz")[0], 200)

    def test_wrong_pairs(self):
        for options, word in ((("--http-cert", self.path("server.pem"), "--http-key", self.path("client.key")), "do not belong together"),
                              (("--http-cert", self.path("server.pem")), "chmod 600"),
                              (("--http-cert", self.path("nothing"), "--http-key", self.path("server.key")), "cannot be read")):
            done = subprocess.run([program(), "--port", "0", "--http-port", "0", "--database", self.path("db")] + list(options),
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(word, done.stderr)

    def test_query(self):
        with Collector("--http-cert", self.path("server.both")) as collector:
            def query(*options, host="localhost", **environment):
                done = subprocess.run([os.environ["KIEKER_QUERY"], "--server", "https://%s:%d" % (host, collector.http_port), "status"] + list(options),
                                      capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **environment})
                return done.returncode, done.stderr
            self.assertEqual(query("--ca", self.path("ca.pem")), (0, ""))
            self.assertEqual(query(host="127.0.0.1", KIEKER_CA=self.path("ca.pem")), (0, ""))
            for options in ((), ("--ca", self.path("other-ca.pem"))):
                status, said = query(*options)
                self.assertEqual(status, 3)
                self.assertRegex(said, r"is not believed.*--ca FILE")
            self.assertIn("--ca", query("--ca", self.path("nothing"))[1])


if __name__ == "__main__":
    need_openssl()
    unittest.main()
