# SPDX-License-Identifier: Apache-2.0
"""A small shop that is watched: nested calls, one that fails, one that is slow, one that does not end.

program.py STOPFILE: goes on until the file is there.
"""
import asyncio
import os
import sys
import threading
import time


class Index:
    def lookup(self, word):
        return [self.score(word, i) for i in range(20)]

    def score(self, word, i):
        return len(word) * i % 7


class Catalog:
    def __init__(self):
        self.index = Index()

    def search(self, word):
        time.sleep(0.002)
        return sorted(self.index.lookup(word))

    def price(self, article):
        if article < 0:
            raise ValueError("there is no article %d" % article)
        return 10 + article


class Database:
    def query(self, seconds):
        self.wait_for_rows(seconds)
        return 42

    def wait_for_rows(self, seconds):
        time.sleep(seconds)


def order(catalog, article):
    catalog.search("book %d" % article)
    try:
        return catalog.price(article)
    except ValueError:
        return None


def report(catalog, database):
    for article in range(5):
        order(catalog, article)
    return database.query(0.4)


def watch(stop):
    """Runs as long as the program: a trace that can be seen before it ends."""
    while not os.path.exists(stop):
        tick()
        time.sleep(0.1)


def tick():
    return time.monotonic()


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def work(catalog, number):
    order(catalog, -1 if number % 4 == 3 else number)


async def fetch(catalog, article):
    await asyncio.sleep(0)
    return catalog.price(article)


async def fetch_all(catalog):
    return await asyncio.gather(*(asyncio.create_task(fetch(catalog, article)) for article in range(2)))


def main(stop):
    catalog, database = Catalog(), Database()
    watcher = in_thread(watch, stop)
    in_thread(report, catalog, database).join()
    asyncio.run(fetch_all(catalog))
    number = 0
    while not os.path.exists(stop):
        in_thread(work, catalog, number).join()
        number += 1
        time.sleep(0.25)
    watcher.join()


if __name__ == "__main__":
    main(sys.argv[1])
