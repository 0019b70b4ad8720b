// SPDX-License-Identifier: Apache-2.0
// The dashboard in a real browser, over the real programs.
//
//   KIEKER_COLLECTOR=path KIEKER_QUERY=path PYTHON=python3 PYTHONPATH=dir node run.mjs
//
// KIEKER_SCREENSHOTS=dir keeps a picture of each page; CHROMIUM=path is another browser;
// KIEKER_UI_URL=http://… takes a server that runs already and is still empty.
// Ends with the line "N passed, N failed"; exit status 77: it could not be run, and why.

import { existsSync } from "node:fs";
import { CHROMIUM, launch, openPage, shot } from "./browser.mjs";
import { keyboard } from "./keyboard.mjs";
import { kin } from "./kin.mjs";
import { login } from "./login.mjs";
import { gone, looks } from "./looks.mjs";
import { Given, Real } from "./programs.mjs";
import { walk } from "./walk.mjs";

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

if (!existsSync(CHROMIUM)) skip(`there is no ${CHROMIUM}`);
if (!process.env.KIEKER_UI_URL && !process.env.KIEKER_COLLECTOR) skip("KIEKER_COLLECTOR does not say which collector to test");

const server = process.env.KIEKER_UI_URL ? new Given() : new Real();
const checks = [];
const check = (name, run) => checks.push({ name, run });
const state = {};
let browser;
let [passed, failed] = [0, 0];
try {
  await server.start();
  browser = await launch();
  const opened = await openPage(browser, server.url);
  walk(check, opened, server, state);
  keyboard(check, opened, server);
  looks(check, browser, server, state);
  kin(check, browser, opened, server);
  check("the watched program ends as it would by itself", () => state.program.end());
  if (server instanceof Real) login(check, browser);
  if (server instanceof Real) gone(check, opened, server);
  for (const { name, run } of checks) {
    opened.watch.misdeeds.length = 0;
    try {
      await run();
      if (opened.watch.misdeeds.length) throw new Error(opened.watch.misdeeds.join("\n"));
      passed++;
      console.log(`ok   ${name}`);
    } catch (e) {
      failed++;
      console.log(`FAIL ${name}\n     ${String(e.stack ?? e).replace(/\n/g, "\n     ")}\n     at ${opened.page.url()}`);
      await shot(opened.page, `failed-${failed}`).catch(() => undefined);
    }
  }
} catch (e) {
  failed++;
  console.log(`FAIL ${e.stack ?? e}`);
} finally {
  await browser?.close().catch(() => undefined);
  await server.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
