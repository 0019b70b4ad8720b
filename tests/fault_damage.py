# SPDX-License-Identifier: Apache-2.0
"""Databases that are damaged, locked, in odd places, or on a medium that cannot be written: what the programs say and do."""
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import migrate_store
from e2e_collector_process import PATIENCE, Client, Collector, program, until

PAGE = 4096
FIXTURE = os.path.join(migrate_store.DATA, "version_1.sql.gz")


def query(database, *question):
    return subprocess.run([os.environ["KIEKER_QUERY"], "--database", database] + list(question), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=PATIENCE)


def refusal(database, **popen):
    """What a collector says that does not start on this database."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")}
    ready = database + ".ready"
    collector = subprocess.Popen([program(), "--port", "0", "--http-port", "0", "--database", database, "--ready-file", ready],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, env=environment, **popen)
    try:
        until(lambda: collector.poll() is not None or os.path.exists(ready), "the collector to refuse, or start")
        if collector.poll() is None:
            collector.terminate()
            raise AssertionError("it started: " + collector.communicate(timeout=PATIENCE)[0])
        return collector.communicate(timeout=PATIENCE)[0]
    finally:
        if collector.poll() is None:
            collector.kill()
            collector.wait()
        collector.stdout.close()


class Files(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="kieker-damage-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.database = os.path.join(self.directory, "test.db")

    def fill(self):
        """A database as a collector that ended leaves it, with some traces of everything."""
        migrate_store.restore(FIXTURE, self.database)
        migrate_store.pass_over(self.database)

    def sql(self, text, *values):
        connection = sqlite3.connect(self.database)
        rows = connection.execute(text, values).fetchall()
        connection.commit()
        connection.close()
        return rows

    def overwrite(self, offset, data):
        with open(self.database, "r+b") as f:
            f.seek(offset)
            f.write(data)

    def wants_salvage(self, text):
        self.assertIn(self.database, text)
        self.assertIn("kieker-query export", text)
        self.assertIn("--database", text)


class Damage(Files):
    def test_block(self):
        """Queries go on without what cannot be read, count it, and say so."""
        self.fill()
        before = migrate_store.ask(self.database, "traces", "--limit", "1000")
        self.assertNotIn("damaged", before)
        (block, first, last, traces), = self.sql("SELECT id, first_id, last_id, traces FROM block ORDER BY traces DESC LIMIT 1")
        self.sql("UPDATE block_data SET columns = substr(columns, 1, 20) WHERE block = ?", block)
        for question in (["traces", "--limit", "1000"], ["traces", "--slowest", "5"], ["traces", "--op", "*.get_book"],
                         ["sql", "SELECT id FROM trace"], ["sql", "SELECT count(*) AS calls FROM call"]):
            with self.subTest(question=question):
                answer = query(self.database, "--json", *question)
                self.assertEqual(answer.returncode, 0, answer.stderr)
                self.assertEqual(migrate_store.json.loads(answer.stdout)["damaged"], 1)
                self.assertIn("1 part of it is left out", answer.stderr)
                self.assertIn("kieker-query export", answer.stderr)
                answer = query(self.database, *question)
                self.assertEqual(answer.returncode, 0, answer.stderr)
                self.assertIn("1 part of it is left out", answer.stderr)
        rows = migrate_store.ask(self.database, "traces", "--limit", "1000")["rows"]
        self.assertEqual(len(rows), len(before["rows"]) - traces)
        # What does not need the block is whole, and one that is in it is not said to be missing.
        self.assertNotIn("damaged", migrate_store.ask(self.database, "operations"))
        inside = [row["id"] for row in before["rows"] if row not in rows]
        answer = query(self.database, "trace", inside[0])
        self.assertNotEqual(answer.returncode, 0)
        self.wants_salvage(answer.stderr)
        # A collector serves and stores in it all the same.
        with Collector(directory=self.directory) as collector:
            collector.send(Client().trace(1, ["after"]))
            until(lambda: collector.verb("traces", root="after")["total"] == 1, "a trace beside the damage")
            answer = collector.verb("traces", limit=1000)
            self.assertEqual(answer["damaged"], 1)
            self.assertEqual(len(answer["rows"]), len(rows) + 1)
            self.assertEqual(collector.stop(), 0)

    def test_page_of_a_block(self):
        """The file itself is damaged where a block lies."""
        self.fill()
        answers = migrate_store.ask(self.database, "traces", "--limit", "1000")["rows"]
        marks = os.urandom(24)
        self.sql("UPDATE block_data SET columns = CAST(columns || zeroblob(30000) || ? AS BLOB)"
                 " WHERE block = (SELECT id FROM block ORDER BY traces LIMIT 1)", marks)
        self.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(self.database, "rb") as f:
            content = f.read()
        page = content.index(marks) // PAGE  # an overflow page: that before it tells its number
        number = (page + 1).to_bytes(4, "big")
        before = [n for n in range(len(content) // PAGE) if content[n * PAGE:n * PAGE + 4] == number]
        self.assertTrue(before)
        self.overwrite(before[-1] * PAGE, b"\xff\xff\xff\xf0")  # the chain leads nowhere
        answer = query(self.database, "--json", "traces", "--limit", "1000")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        answer = migrate_store.json.loads(answer.stdout)
        self.assertEqual(answer["damaged"], 1)
        self.assertLess(len(answer["rows"]), len(answers))
        self.assertGreater(len(answer["rows"]), 0)

    def test_open_trace(self):
        migrate_store.restore(FIXTURE, self.database)
        count, = self.sql("SELECT count(*) FROM open_trace")[0]
        self.sql("UPDATE open_trace SET data = x'00ff' WHERE id = (SELECT min(id) FROM open_trace)")
        with Collector(directory=self.directory) as collector:
            status, = collector.verb("status")["rows"]
            self.assertEqual(status["counters"]["damaged_open_trace"], 1)
            self.assertEqual(collector.verb("traces", state="incomplete", limit=1000)["total"], count)  # one of them is lost, one was there before
            self.assertEqual(collector.stop(), 0)

    def test_header(self):
        self.fill()
        self.overwrite(0, b"not a database at all, is it")
        answer = query(self.database, "traces")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("is not a database, or its beginning is damaged", answer.stderr)
        self.assertIn("is not a database, or its beginning is damaged", refusal(self.database))

    def test_schema_page(self):
        """Everything behind the first 100 bytes of the first page."""
        self.fill()
        self.overwrite(100, b"\xee" * 400)
        self.wants_salvage(refusal(self.database))
        self.wants_salvage(query(self.database, "status").stderr)

    def test_dictionary(self):
        """A collector does not begin on names that it cannot trust."""
        self.fill()
        root, = self.sql("SELECT rootpage FROM sqlite_master WHERE name = 'name'")[0]
        self.overwrite((root - 1) * PAGE, b"\xee" * 200)
        self.wants_salvage(refusal(self.database))
        self.fill_again()
        self.sql("DELETE FROM name WHERE id = 5")
        self.wants_salvage(refusal(self.database))

    def fill_again(self):
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))
        self.fill()

    def test_every_page(self):
        """One page after the other is destroyed: a program refuses with a sentence, or answers; none dies of it."""
        self.fill()
        pages = os.path.getsize(self.database) // PAGE
        with open(self.database, "rb") as f:
            whole = f.read()
        outcomes = {"answered": 0, "refused": 0}
        for page in range(1, pages, max(1, pages // 25)):
            with open(self.database, "wb") as f:
                f.write(whole)
            self.overwrite(page * PAGE, os.urandom(PAGE))
            for question in (["traces", "--limit", "1000"], ["operations"], ["sql", "SELECT count(*) FROM call"], ["status"]):
                answer = query(self.database, *question)
                self.assertGreaterEqual(answer.returncode, 0, (page, question, answer.stderr))  # no signal
                if answer.returncode:
                    self.assertIn(self.database, answer.stderr, (page, question))
                outcomes["refused" if answer.returncode else "answered"] += 1
        print("\n%d pages: %s" % (pages, outcomes))
        self.assertGreater(outcomes["answered"], outcomes["refused"])

    def test_garbage_in_the_log(self):
        """What a crash leaves in the write-ahead log behind the last commit is passed over; all before it is there."""
        with Collector(directory=self.directory) as collector:
            collector.send(b"".join(Client().trace(n) for n in range(1, 2)))
            collector.settled(5)
            self.assertEqual(collector.stop(signal.SIGKILL), -signal.SIGKILL)
            with open(self.database + "-wal", "ab") as f:
                f.write(os.urandom(3 * PAGE + 17))
            answer = query(self.database, "--json", "traces")
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertEqual(migrate_store.json.loads(answer.stdout)["total"], 1)
            collector.start()
            self.assertEqual(collector.verb("traces")["total"], 1)
            self.assertEqual(collector.stop(), 0)


class Places(Files):
    def test_not_a_file(self):
        os.mkdir(self.database)
        self.assertIn("it is a directory: choose a file with --database", refusal(self.database))
        self.assertNotEqual(query(self.database, "status").returncode, 0)
        os.rmdir(self.database)
        os.mkfifo(self.database)
        self.assertIn("it is not a file: choose a file with --database", refusal(self.database))
        self.assertIn("not a file", query(self.database, "status").stderr)

    def test_below_a_file(self):
        with open(self.database, "w"):
            pass
        self.assertIn("choose another place with --database", refusal(self.database + "/below"))

    def test_another_program(self):
        self.sql("CREATE TABLE mine (x)")
        for said in (refusal(self.database), query(self.database, "status").stderr):
            self.assertIn("is a database of another program", said)
        self.assertEqual(self.sql("SELECT name FROM sqlite_master"), [("mine",)])

    def test_link(self):
        """By another name it is the same file, with the same lock and log."""
        link = os.path.join(self.directory, "elsewhere", "link.db")
        os.mkdir(os.path.dirname(link))
        os.symlink(self.database, link)
        with Collector(directory=self.directory) as collector:
            collector.send(Client().trace(1))
            collector.settled(5)
            self.assertIn("is in use by another collector", refusal(link))
            answer = query(link, "--json", "status")
            self.assertEqual(answer.returncode, 0, answer.stderr)
            status, = migrate_store.json.loads(answer.stdout)["rows"]
            self.assertEqual(status["traces"], 1)
            self.assertGreater(status["size_bytes"], os.path.getsize(self.database))  # its log counts
            self.assertEqual(collector.stop(), 0)

    def mount(self, size="8m"):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "kieker-test", self.directory], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        if done.returncode:
            self.skipTest("no disk can be mounted here: " + done.stdout.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.directory], check=False)

    def remount(self, how):
        subprocess.run(["mount", "-o", "remount," + how, self.directory], check=True)

    def test_read_only_medium(self):
        """A collector says so; queries work, also with a log that a killed collector left."""
        self.mount()
        with Collector(directory=self.directory) as collector:
            collector.send(Client().trace(1))
            collector.settled(5)
            self.assertEqual(collector.stop(), 0)
        self.remount("ro")
        self.assertEqual(migrate_store.ask(self.database, "traces")["total"], 1)
        self.assertEqual(migrate_store.ask(self.database, "sql", "SELECT count(*) AS n FROM trace")["rows"][0]["n"], 1)
        self.assertIn("choose a place that may be written with --database", refusal_at(self.database))
        self.remount("rw")
        with Collector(directory=self.directory) as collector:
            collector.send(Client().trace(2))
            collector.settled(5)
            self.assertEqual(collector.stop(signal.SIGKILL), -signal.SIGKILL)
        self.remount("ro")
        self.assertEqual(migrate_store.ask(self.database, "traces")["total"], 2)
        self.remount("rw")

    def test_no_space_at_the_beginning(self):
        self.mount("1m")
        with open(os.path.join(self.directory, "ballast"), "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(PAGE))
            except OSError:
                pass  # full
        said = refusal_at(self.database)
        self.assertIn("free some", said)
        self.assertIn(self.database, said)


def refusal_at(database):
    """As refusal, where nothing can be written beside the database."""
    with tempfile.TemporaryDirectory() as room:
        done = subprocess.run([program(), "--port", "0", "--http-port", "0", "--database", database, "--ready-file",
                               os.path.join(room, "ready")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                              timeout=PATIENCE, env={k: v for k, v in os.environ.items() if not k.startswith("KIEKER_")})
    if done.returncode == 0:
        raise AssertionError("it started: " + done.stdout)
    return done.stdout


class Locked(Files):
    def test_for_long(self):
        """Another program holds the lock: said once, on the page too; clients wait, and nothing is lost."""
        with Collector("--queue-size", "64K", "--batch-size", "64K", directory=self.directory) as collector:
            collector.send(Client().trace(1))
            collector.settled(5)
            other = sqlite3.connect(self.database, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            client = Client()
            with collector.connect() as sock:
                sock.sendall(b"".join(client.trace(n) for n in range(2, 1001)))
            problem = until(lambda: collector.verb("status")["rows"][0]["collector"]["problem"], "the problem to be said")
            self.assertIn("is locked by another program", problem)
            until(lambda: collector.metric("commit_failures_total") > 1, "another try")
            self.assertEqual(collector.ask("/healthz")[0], 503)
            self.assertEqual(len(collector.log_lines(" error store", "is locked by another program")), 1)
            self.assertEqual(collector.metric("disk_full"), 0)
            other.execute("ROLLBACK")
            other.close()
            collector.settled(5 * 1000)
            self.assertEqual(collector.verb("traces", state="complete")["total"], 1000)
            self.assertEqual(collector.ask("/healthz")[0], 200)
            self.assertEqual(len(collector.log_lines("storing again")), 1)
            self.assertEqual(collector.stop(), 0)

    def test_at_the_beginning(self):
        self.fill()
        other = sqlite3.connect(self.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        self.assertIn("is locked by another program: try again when that has ended", refusal(self.database))
        other.close()


@unittest.skipUnless(shutil.which("strace"), "strace is not there to see what is asked of the disk")
class Durability(Files):
    def synced(self, durability):
        """(commits, times that the log was synchronized) while some batches came."""
        with Collector("--durability", durability, directory=self.directory) as collector:
            trace = os.path.join(self.directory, "trace." + durability)
            tracer = subprocess.Popen(["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", trace, "-p", str(collector.process.pid)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                if not tracer.stderr.readline().count(b"attached"):
                    self.skipTest("strace may not attach here")
                before = collector.metric("batches_total")
                for number in range(1, 11):
                    collector.send(Client().trace(number))
                    collector.settled(5 * number)
                commits = collector.metric("batches_total") - before
            finally:
                tracer.terminate()
                tracer.wait(PATIENCE)
                tracer.stderr.close()
            self.assertEqual(collector.stop(), 0)
        with open(trace) as f:
            return commits, sum("test.db-wal" in line for line in f)

    def test_every_commit_reaches_the_disk(self):
        commits, syncs = self.synced("power")
        self.assertGreater(commits, 0)
        self.assertGreaterEqual(syncs, commits)

    def test_commits_do_not_wait_for_the_disk(self):
        commits, syncs = self.synced("commit")
        self.assertGreater(commits, 1)
        self.assertLess(syncs, commits)


if __name__ == "__main__":
    unittest.main(verbosity=2)
