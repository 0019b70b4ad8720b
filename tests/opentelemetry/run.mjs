// SPDX-License-Identifier: Apache-2.0
// OpenTelemetry's own SDK and exporters for node before a real collector: what they send is there as call trees and as a graph of components.
//
//   KIEKER_COLLECTOR=path node run.mjs
//
// Ends with the line "N passed, N failed".

import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 60_000;
const FORMS = ["proto", "http"]; // protobuf by gzip; JSON
const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(KIEKER|OTEL)_/.test(key)));

async function until(what, look) {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    const value = await look();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function run(program, args) {
  const child = spawn(program, args, { env: environment, stdio: ["ignore", "inherit", "inherit"] });
  const [status, signal] = await once(child, "exit");
  strictEqual(status, 0, `${args.join(" ")} ended with ${status ?? signal}`);
}

const folder = mkdtempSync(join(tmpdir(), "kieker-test-"));
const ready = join(folder, "ready");
const collector = spawn(
  process.env.KIEKER_COLLECTOR,
  ["--port", "0", "--http-port", "0", "--database", join(folder, "kieker.db"), "--ready-file", ready, "--batch-interval", "20ms"],
  { env: environment, stdio: ["ignore", "inherit", "inherit"] },
);
let [passed, failed] = [0, 0];
let server;

async function ask(path) {
  const answer = await fetch(server + path);
  strictEqual(answer.status, 200, path);
  return answer.json();
}

async function check(name, test) {
  try {
    await test();
    passed++;
    console.log(`ok   ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}\n${e.stack}`);
  }
}

/** [depth, component, operation, cause] of a call and those below; of siblings by name, since clocks of programs are coarse. */
function flat(call, depth = 0) {
  const below = [...call.children].sort((a, b) => (a.operation < b.operation ? -1 : 1));
  return [[depth, call.component, call.operation, call.cause], ...below.flatMap((each) => flat(each, depth + 1))];
}

/** The root calls of a form's one trace. */
async function calls(form) {
  const traces = await until(`the trace by ${form}`, async () => {
    const { rows } = await ask(`/api/v1/traces?component=shop-${form}/*`);
    return rows.length > 0 && rows;
  });
  strictEqual(traces.length, 1);
  const { rows } = await ask(`/api/v1/trace?id=${traces[0].id}`);
  return rows;
}

try {
  await until("the collector's ready file", () => existsSync(ready) || collector.exitCode !== null);
  server = `http://127.0.0.1:${/^http_port=(\d+)$/m.exec(readFileSync(ready, "utf8"))[1]}`;
  for (const form of FORMS) {
    await check(`${form}: the program ends as it would by itself`, () => run(process.execPath, ["program.mjs", `${server}/v1/traces`, form]));
    await check(`${form}: two services are one call tree`, async () => {
      const roots = await calls(form);
      const [shop, billing] = [`shop-${form}`, `billing-${form}`];
      deepStrictEqual(roots.flatMap((root) => flat(root)), [
        [0, `${shop}/shop.checkout`, "checkout", null],
        [1, `${shop}/shop.checkout`, "pay", null],
        [2, `${billing}/billing.cards`, "charge", null],
        [3, `${billing}/billing.bank`, "ask the bank", "RangeError: the card has expired"],
        [1, `${shop}/shop.checkout`, "reserve", null],
      ]);
      strictEqual(roots[0].host, `${shop}-host`);
      const pay = roots[0].children.find((call) => call.operation === "pay");
      ok(roots[0].duration_ns >= pay.duration_ns && pay.duration_ns >= pay.children[0].duration_ns, "callers last longer");
    });
    await check(`${form}: services and scopes are components of the graph`, async () => {
      const { nodes, edges } = await ask("/api/v1/graph");
      const names = nodes.map((node) => node.name).filter((name) => name.includes(`-${form}/`));
      deepStrictEqual(names.sort(), [`billing-${form}/billing.bank`, `billing-${form}/billing.cards`, `shop-${form}/shop.checkout`]);
      const bank = edges.find((edge) => edge.target === `billing-${form}/billing.bank`);
      deepStrictEqual([bank.source, bank.calls, bank.failed], [`billing-${form}/billing.cards`, 1, 1]);
      const cards = edges.find((edge) => edge.target === `billing-${form}/billing.cards`);
      deepStrictEqual([cards.source, cards.calls, cards.failed], [`shop-${form}/shop.checkout`, 1, 0]);
    });
  }
  await check("no span was rejected, no request refused", async () => {
    const { collector: doing } = (await ask("/api/v1/status")).rows[0];
    deepStrictEqual([doing.spans, doing.spans_rejected, doing.span_requests_refused], [5 * FORMS.length, 0, 0]);
  });
} finally {
  collector.kill("SIGTERM");
  const [status] = collector.exitCode === null ? await once(collector, "exit") : [collector.exitCode];
  if (status !== 0) failed++;
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
