// SPDX-License-Identifier: Apache-2.0
// The programs under test: a collector with a database of its own, and a Python program under the agent.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const READY_MS = 15_000;

/** The programs read options from KIEKER_*: what is meant for this test, or for the user's own collector, is not for them. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("KIEKER_")));

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, ms, look) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await look();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await sleep(50);
  }
}

function ended(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child, signal = "SIGTERM") {
  if (!child || ended(child)) return;
  child.kill(signal);
  await until(`the end of ${child.spawnfile}`, READY_MS, () => ended(child)).catch(() => child.kill("SIGKILL"));
}

/** The real programs, named by the environment. */
export class Real {
  folder = mkdtempSync(join(tmpdir(), "kieker-browser-"));
  children = [];
  ports = {};

  /** Further options of the collector. */
  constructor(...options) {
    this.options = options;
  }

  get url() {
    return `http://127.0.0.1:${this.ports.http_port}`;
  }

  async start() {
    const ready = join(this.folder, "ready");
    rmSync(ready, { force: true });
    const args = ["--port", this.ports.port ?? "0", "--http-port", this.ports.http_port ?? "0"];
    args.push("--database", join(this.folder, "kieker.db"), "--ready-file", ready, ...this.options);
    this.collector = spawn(process.env.KIEKER_COLLECTOR, args, { env: ENV, stdio: ["ignore", "inherit", "inherit"] });
    this.children.push(this.collector);
    await until("the collector's ready file", READY_MS, () => {
      if (ended(this.collector)) throw new Error(`the collector ended with ${this.collector.exitCode}`);
      return existsSync(ready) && /^http_port=/m.test(readFileSync(ready, "utf8"));
    });
    for (const line of readFileSync(ready, "utf8").trim().split("\n")) {
      const [key, value] = line.split("=");
      this.ports[key] = value;
    }
  }

  /** Starts a program under the agent; it runs until program.end(). */
  program() {
    const stopFile = join(this.folder, `stop-${this.children.length}`);
    const args = ["-m", "kieker", "--writer", `tcp://127.0.0.1:${this.ports.port}`, join(here, "program.py"), stopFile];
    const child = spawn(process.env.PYTHON ?? "python3", args, { env: ENV, stdio: ["ignore", "inherit", "inherit"] });
    this.children.push(child);
    return {
      end: async () => {
        writeFileSync(stopFile, "");
        await until("the program's end", READY_MS, () => ended(child));
        if (child.exitCode !== 0) throw new Error(`the program ended with ${child.exitCode}`);
      },
    };
  }

  async stopCollector() {
    await stop(this.collector);
  }

  /** What kieker-query says of the same database, as JSON; null without the program. */
  async query(...args) {
    if (!process.env.KIEKER_QUERY) return null;
    const child = spawn(process.env.KIEKER_QUERY, ["--database", join(this.folder, "kieker.db"), ...args, "--json"], {
      env: ENV,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.on("data", (d) => (text += d));
    await until("kieker-query's answer", READY_MS, () => ended(child) && child.stdout.readableEnded);
    return JSON.parse(text);
  }

  async close() {
    for (const child of this.children) await stop(child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A server that runs already (KIEKER_UI_URL); KIEKER_UI_PROGRAM is a shell command that makes traces begin. */
export class Given {
  url = process.env.KIEKER_UI_URL;

  async start() {}

  program() {
    const child = spawn("/bin/sh", ["-c", process.env.KIEKER_UI_PROGRAM ?? ":"], { stdio: "ignore" });
    return { end: async () => stop(child) };
  }

  async query() {
    return null;
  }

  async close() {}
}
