// SPDX-License-Identifier: Apache-2.0
// Threads and tasks: from a trace to the one that has started it, to the call where it was, and back; by mouse and by keys.

import assert from "node:assert/strict";
import { accessible, openPage, shot } from "./browser.mjs";
import { tabTo } from "./keyboard.mjs";
import { until } from "./programs.mjs";
import { api } from "./walk.mjs";

const param = (page, key) => new URL(page.url()).searchParams.get(key);
const fact = (page, name) => page.locator(".tracehead .fact", { has: page.locator("dt", { hasText: name }) }).locator("dd");

export function kin(check, browser, { page }, server) {
  const base = server.url;
  let child, parent;
  check("a thread's trace says which call of which trace has started it, and leads there", async () => {
    const { rows } = await api(base, "traces?root=report&limit=1");
    child = rows[0];
    parent = (await api(base, `trace?id=${child.id}&limit=1`)).parent;
    assert.equal(parent.in_operation, "in_thread");
    await page.goto(`${base}/trace?id=${child.id}`);
    await fact(page, "Started by").getByRole("link", { name: `trace ${parent.id} in ${parent.in_component}.in_thread` }).click();
    await until("the trace that has started it", 5000, () => param(page, "id") === parent.id && param(page, "selected") === parent.call);
    await page.locator(`.row[data-key="${parent.call}"][aria-selected="true"] .started`).waitFor();
    assert.equal(await fact(page, "Started by").count(), 0);
  });
  check("the call that started it is marked, and lists what it has started", async () => {
    const panel = page.getByRole("complementary", { name: "Selected call" });
    await panel.getByRole("heading", { name: "Traces started here" }).waitFor();
    await accessible(page);
    await shot(page, "kin-call");
    await panel.locator(`a[href^="/trace?id=${child.id}"]`).click();
    await page.getByRole("heading", { level: 1, name: /^report/ }).waitFor();
    await page.goBack();
  });
  check("all that was started from a trace: threads and tasks, equal to the API", async () => {
    const run = await api(base, `trace?id=${(await api(base, "traces?root=fetch_all&limit=1")).rows[0].id}`);
    assert.deepEqual(run.children.map((t) => [t.root, t.in_operation]), [["fetch", "fetch_all"], ["fetch", "fetch_all"]]);
    await page.goto(`${base}/trace?id=${run.trace.id}`);
    await page.getByRole("tab", { name: "Started 2" }).click();
    const rows = page.getByRole("grid", { name: "Traces that were started from here" }).locator(".body .row");
    assert.deepEqual(await rows.evaluateAll((list) => list.map((r) => r.dataset.key)), run.children.map((t) => t.id));
    await rows.first().getByRole("button", { name: "fetch_all" }).click();
    await page.locator(`.row[data-key="${run.children[0].call}"][aria-selected="true"]`).waitFor();
  });
  check("keys: to what was started, and back to what has started it", async () => {
    await page.goto(`${base}/trace?id=${parent.id}`);
    await page.getByRole("treegrid").waitFor();
    await page.keyboard.press("s");
    await tabTo(page, ".grid .body .row");
    const first = await page.evaluate(() => document.activeElement.dataset.key);
    await page.keyboard.press("Enter");
    await until("the trace that was started", 5000, () => param(page, "id") === first);
    await tabTo(page, `a[href^="/trace?id=${parent.id}&"]`);
    await page.keyboard.press("Enter");
    await until("the trace that has started it", 5000, () => param(page, "id") === parent.id);
  });
  check("only traces that no other has started", async () => {
    await page.goto(base + "/traces");
    const rows = page.locator(".grid .body .row[data-key]");
    await rows.first().waitFor();
    await page.getByRole("checkbox", { name: "Roots only" }).check();
    await page.getByRole("button", { name: "Drop the filter roots only" }).waitFor();
    const { total, rows: roots } = await api(base, "traces?roots=1");
    assert.deepEqual(roots.map((t) => t.root), ["main"]);
    await until("the roots alone", 5000, async () => (await rows.count()) === total);
    assert.equal(await rows.first().getAttribute("data-key"), roots[0].id);
    await page.getByRole("checkbox", { name: "Roots only" }).uncheck();
    await until("all again", 5000, async () => param(page, "roots") === null && (await rows.count()) > total);
  });
  check("what was started: in both themes, and at a width of 390 px", async () => {
    const urls = [`/trace?id=${parent.id}&selected=${parent.call}`, `/trace?id=${parent.id}&tab=started`, `/trace?id=${child.id}`, "/traces?roots=1"];
    for (const [look, options] of [
      ["light", { colorScheme: "light" }],
      ["dark", { colorScheme: "dark" }],
      ["narrow", { viewport: { width: 390, height: 844 }, hasTouch: true }],
    ]) {
      const opened = await openPage(browser, base, options);
      try {
        for (const [i, url] of urls.entries()) {
          await opened.page.goto(base + url);
          await opened.page.locator(".grid .body .row[data-key]").first().waitFor();
          const wide = await opened.page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector("main").scrollWidth));
          assert.ok(wide <= opened.page.viewportSize().width, `${url} is ${wide} px wide`);
          await accessible(opened.page).catch((e) => assert.fail(`${url}, ${look}: ${e.message}`));
          await shot(opened.page, `kin-${i}-${look}`);
        }
        assert.deepEqual(opened.watch.misdeeds, []);
      } finally {
        await opened.close();
      }
    }
  });
}
