# SPDX-License-Identifier: Apache-2.0
"""SQL from outside, which must only read and end; the modes of the files that a collector makes; and the privileges that it keeps."""
import json
import os
import pwd
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import unittest
import urllib.parse

from e2e_collector_process import Client, Collector, PATIENCE, program, until

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "

# That must not be done, whatever the words around it.
FORBIDDEN = (
    "ATTACH 'other.db' AS other", "ATTACH DATABASE ':memory:' AS m", "DETACH main", "VACUUM INTO 'copy.db'", "VACUUM",
    "PRAGMA journal_mode = DELETE", "PRAGMA writable_schema = ON", "PRAGMA query_only = OFF", "PRAGMA user_version = 7", "PRAGMA temp_store_directory = '/'",
    "PRAGMA database_list", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA integrity_check", "PRAGMA cache_size = 1000000", "PRAGMA trusted_schema = ON",
    "PRAGMA mmap_size = 1", "PRAGMA soft_heap_limit", "PRAGMA hard_heap_limit = 1", "PRAGMA key = 'x'", "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_journal_mode", "SELECT load_extension('x')", "SELECT LOAD_EXTENSION('x', 'y')", "CREATE TABLE t(a)", "CREATE TEMP TABLE t(a)",
    "CREATE VIEW v AS SELECT 1", "CREATE TEMP VIEW v AS SELECT 1", "CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE v USING fts5(a)", "CREATE VIRTUAL TABLE temp.v USING trace", "CREATE INDEX i ON run(name)", "DROP TABLE run", "DROP TABLE trace",
    "ALTER TABLE run RENAME TO ran", "REINDEX", "ANALYZE", "INSERT INTO run(name) VALUES ('x')", "INSERT INTO trace(id) VALUES (1)", "DELETE FROM run",
    "UPDATE run SET name = 'x' RETURNING name", "UPDATE sqlite_schema SET sql = ''", "DELETE FROM sqlite_master", "REPLACE INTO run(name) VALUES ('x')",
    "WITH x AS (SELECT 1) DELETE FROM run", "BEGIN", "BEGIN EXCLUSIVE", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s", "EXPLAIN DELETE FROM run",
    "SELECT 1; DELETE FROM run", "SELECT 1; SELECT 2", "/**/ATTACH/**/'x' AS y", "SELECT fts3_tokenizer('simple', x'00')", "SELECT writefile('x', 'y')",
    "SELECT readfile('/etc/passwd')", "SELECT edit('x')", "", ";", "-- nothing", "SELECT",
)

# That may be asked.
ALLOWED = ("SELECT 1", "SELECT count(*) FROM trace", "SELECT * FROM call LIMIT 3", "SELECT * FROM run", "WITH n(i) AS (SELECT 1) SELECT * FROM n;",
           "SELECT name FROM sqlite_schema", "PRAGMA table_info(trace)", "PRAGMA table_xinfo(run)", "PRAGMA user_version", "PRAGMA table_list",
           "EXPLAIN QUERY PLAN SELECT * FROM run", "SELECT value FROM json_each('[1, 2]')",
           "SELECT t.root FROM trace t JOIN trace u ON t.id = u.id ORDER BY t.duration_ns DESC", "VALUES (1, 2)", "SELECT 1 -- done\n;  ")

# That would take as much time or memory as it is given.
COSTLY = (
    ENDLESS + "SELECT count(*) FROM n",
    ENDLESS + "SELECT max(i) FROM n WHERE i < 0",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT count(*) FROM n",
    ENDLESS + "SELECT i FROM n ORDER BY i DESC",
    ENDLESS + "SELECT group_concat(i) FROM n",
    ENDLESS + "SELECT json_group_array(i) FROM n",
    ENDLESS + "SELECT i, count(*) FROM n GROUP BY i",
    ENDLESS + "SELECT count(DISTINCT randomblob(100) || i) FROM n",
    "SELECT count(*) FROM call a, call b, call c, call d, call e, call f, call g, call h",
    "SELECT zeroblob(1000000000)",
    "SELECT hex(zeroblob(200000))",
    "SELECT replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000)))",
    "SELECT " + ", ".join(["randomblob(200000)"] * 400),
    "SELECT 'a' LIKE '" + "%a" * 5000 + "'",
    "SELECT x GLOB '" + "*a" * 5000 + "' FROM (SELECT replace(hex(zeroblob(50000)), '0', 'a') x)",
    "SELECT " + "(" * 1000 + "1" + ")" * 1000,
    "SELECT 1" + " UNION ALL SELECT 1" * 1000,
)


class Sql(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector("--query-timeout", "700ms")
        client = Client()
        cls.collector.send(b"".join(client.trace(number, ("main", "a", "b", "c") * 20) for number in range(300)))
        until(lambda: cls.collector.metric("connections") == 0, "the client's end")
        cls.collector.settled(1)
        cls.before = cls.contents()

    @classmethod
    def tearDownClass(cls):
        cls.collector.__exit__()

    @classmethod
    def contents(cls):
        """All of the database that does not change by itself, and the files beside it."""
        with sqlite3.connect("file:%s?mode=ro" % cls.collector.database, uri=True) as database:
            tables = [name for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")]
            return (database.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall(),
                    [(name, database.execute('SELECT count(*) FROM "%s"' % name).fetchone()) for name in tables],
                    database.execute("PRAGMA user_version").fetchone(), database.execute("PRAGMA journal_mode").fetchone(),
                    sorted(os.listdir(cls.collector.directory)))

    def ask(self, query):
        status, _, body = self.collector.ask("/api/v1/sql?query=" + urllib.parse.quote(query))
        return status, json.loads(body)

    def memory(self):
        """The most that it had so far, in bytes; 0 with sanitizers, which take memory of their own."""
        with open("/proc/%d/maps" % self.collector.process.pid) as f:
            if any("asan" in line for line in f):
                return 0
        return int(status_of(self.collector.process.pid)["VmHWM"].split()[0]) << 10

    def test_forbidden(self):
        for query in FORBIDDEN:
            status, answer = self.ask(query)
            self.assertEqual(status, 400, (query, answer))
            self.assertIn("error", answer)
        self.assertEqual(self.contents(), self.before)

    def test_allowed(self):
        for query in ALLOWED:
            status, answer = self.ask(query)
            self.assertEqual(status, 200, (query, answer))
            self.assertGreater(len(answer["rows"]), 0, query)

    def test_costly(self):
        for query in COSTLY:
            status, answer = self.ask(query)
            self.assertIn(status, (400, 503), (query[:100], str(answer)[:300]))
            self.assertRegex(answer["error"], "longer than|larger than|more memory|too large|too complex|too many|overflow|limit", query[:100])
            self.assertEqual(self.collector.ask("/healthz")[0], 200)
        self.assertLess(self.memory(), 256 << 20)
        self.assertEqual(self.ask("SELECT 1")[0], 200)

    def test_large_answers(self):
        """Bounded by what they hold, not by their rows alone."""
        rows = ENDLESS + "SELECT i FROM n LIMIT %d"
        status, answer = self.ask(rows % 100)
        self.assertEqual((status, len(answer["rows"])), (200, 100))
        status, _, body = self.collector.ask("/api/v1/sql?limit=1000000&query=" + urllib.parse.quote(rows % 1000000))
        self.assertEqual(status // 100 in (4, 5), True, body[:200])
        self.assertRegex(json.loads(body)["error"], "larger than|longer than")

    def test_command_line(self):
        """The same where there is no collector; what one asks of one's own file may take long, though."""
        for query in FORBIDDEN:
            done = subprocess.run([os.environ["KIEKER_QUERY"], "--database", self.collector.database, "sql", query], capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0, query)
        done = subprocess.run([os.environ["KIEKER_QUERY"], "--database", self.collector.database, "sql", "SELECT length(hex(zeroblob(1000000))) AS n",
                               "--json"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(json.loads(done.stdout)["rows"], [{"n": 2000000}])
        self.assertEqual(self.contents(), self.before)


class Modes(unittest.TestCase):
    def test_files(self):
        """Whatever the umask: what programs do is nobody else's business."""
        log = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, log)
        with Collector("--log", os.path.join(log, "log"), preexec_fn=lambda: os.umask(0)) as collector:
            collector.send(Client().trace(1))
            collector.settled(5)
            names = os.listdir(collector.directory)
            self.assertGreaterEqual(set(names), {"test.db", "test.db-wal", "test.db-shm", "test.db.lock", "ready"})
            for path in [os.path.join(collector.directory, name) for name in names if name != "stderr"] + [os.path.join(log, "log")]:
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)

    def test_directories(self):
        place = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, place)
        with Collector(start=False) as collector:
            collector.options = ("--database", os.path.join(place, "new", "deep", "k.db"))
            collector.database = collector.options[1]
            collector.start()
            for path in ("new", "new/deep"):
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(place, path)).st_mode), 0o700)

    def test_wide_database(self):
        """One that others may read stays so, but it is said."""
        with Collector() as collector:
            self.assertEqual(collector.log_lines("may read the database"), [])
            collector.stop()
            os.chmod(collector.database, 0o644)
            collector.start()
            self.assertEqual(len(collector.log_lines("may read the database", "chmod 600")), 1)
            self.assertEqual(stat.S_IMODE(os.stat(collector.database).st_mode), 0o644)


def status_of(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f)


def core_limit(pid):
    with open("/proc/%d/limits" % pid) as f:
        return next(line.split()[4] for line in f if line.startswith("Max core file size"))


class Privileges(unittest.TestCase):
    def test_process(self):
        with Collector() as collector:
            self.assertEqual(status_of(collector.process.pid)["NoNewPrivs"].strip(), "1")
            self.assertEqual(core_limit(collector.process.pid), "0")
        with Collector("--core-dumps", "yes", preexec_fn=None) as collector:
            mine = core_limit(os.getpid())
            self.assertEqual(core_limit(collector.process.pid), mine)

    def refused(self, *options):
        place = tempfile.mkdtemp(prefix="kieker-test-")
        self.addCleanup(shutil.rmtree, place)
        done = subprocess.run([program(), "--port", "0", "--http-port", "0", "--database", os.path.join(place, "db")] + list(options),
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, os.listdir(place)), (1, []), done)
        return done.stderr

    def test_wrong_users(self):
        self.assertIn("adduser", self.refused("--user", "no-such-user"))
        self.assertIn("is root", self.refused("--user", "root"))

    @unittest.skipIf(os.geteuid() == 0, "root may become anybody")
    def test_only_root_can(self):
        other = next(user.pw_name for user in pwd.getpwall() if user.pw_uid not in (0, os.getuid()))
        self.assertIn("only root can", self.refused("--user", other))
        with Collector("--user", pwd.getpwuid(os.getuid()).pw_name) as collector:
            self.assertEqual(collector.verb("status")["total"], 1)

    @unittest.skipUnless(os.geteuid() == 0, "only root may become another user")
    def test_drop(self):
        """Keys and ports are root's, all that is made after is the user's; and there is no way back."""
        nobody = pwd.getpwnam("nobody")
        secret = tempfile.mkdtemp(prefix="kieker-test-")  # 0700, root's
        self.addCleanup(shutil.rmtree, secret)
        token = os.path.join(secret, "token")
        with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write("a-token-that-nobody-guesses")
        with Collector("--user", "nobody", "--http-token", token, start=False) as collector:
            os.chown(collector.directory, nobody.pw_uid, nobody.pw_gid)
            collector.start()
            status = status_of(collector.process.pid)
            self.assertEqual(set(status["Uid"].split()), {str(nobody.pw_uid)})
            self.assertEqual(set(status["Gid"].split()), {str(nobody.pw_gid)})
            self.assertEqual(set(status["Groups"].split()) - {str(nobody.pw_gid)}, set())
            for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(status[kind], 16), 0, kind)
            for task in os.listdir("/proc/%d/task" % collector.process.pid):
                with open("/proc/%d/task/%s/status" % (collector.process.pid, task)) as f:
                    self.assertIn("\nUid:\t%d\t%d\t%d\t%d\n" % ((nobody.pw_uid,) * 4), f.read())
            for name in ("test.db", "test.db.lock", "ready"):
                self.assertEqual(os.stat(os.path.join(collector.directory, name)).st_uid, nobody.pw_uid)
            collector.send(Client().trace(1))
            bearer = {"Authorization": "Bearer a-token-that-nobody-guesses"}
            until(lambda: b"kieker_stored_records_total 5" in collector.ask("/metrics", headers=bearer)[2], "the records")
            self.assertEqual(collector.log_lines("runs as root"), [])
            self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main()
