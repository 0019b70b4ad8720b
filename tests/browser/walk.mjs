// SPDX-License-Identifier: Apache-2.0
// The walk that the dashboard is for: from nothing to the traces behind an edge. By mouse.

import assert from "node:assert/strict";
import { accessible, shot } from "./browser.mjs";
import { until } from "./programs.mjs";

export async function api(base, path) {
  const response = await fetch(`${base}/api/v1/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const param = (page, key) => new URL(page.url()).searchParams.get(key);
const listed = (page) => page.locator(".grid .body .row[data-key]");
const keys = (page) => listed(page).evaluateAll((rows) => rows.map((r) => r.dataset.key));

/** The position of the call that is reached by always following the longest child. */
function slowestCall(answer) {
  let call = answer.rows[0];
  const longest = (list) => list.reduce((a, b) => (b.duration_ns > a.duration_ns ? b : a));
  while (call.children.length) call = longest(call.children);
  return call;
}

export function walk(check, { page }, server, state) {
  const base = server.url;
  check("nothing stored: the page says where it listens and what to do", async () => {
    await page.goto(base + "/");
    await page.getByRole("heading", { name: /^Listening on .+ — 0 connections so far$/ }).waitFor();
    await page.getByText(/python3 -m kieker .*yourprogram\.py/).waitFor();
    await page.evaluate(() => (window.__notReloaded = true));
    await accessible(page);
    await shot(page, "empty");
  });
  check("the page turns to the first trace by itself", async () => {
    state.program = server.program();
    await page.getByTestId("number-traces").waitFor({ timeout: 20_000 });
    await until("a number of traces", 10_000, async () => Number(await page.getByTestId("number-traces").textContent()) > 0);
    assert.ok(await page.evaluate(() => window.__notReloaded), "the page was reloaded");
  });
  check("a running trace is shown as such", async () => {
    await page.goto(base + "/traces?state=running");
    await listed(page).first().waitFor();
    await page.locator('[role="gridcell"] > .state.running').first().waitFor();
  });
  check("new traces are offered, and nothing moves until they are taken", async () => {
    await page.goto(base + "/traces");
    await listed(page).first().waitFor();
    const before = await keys(page);
    const offer = page.getByRole("button", { name: /new — show$/ });
    await offer.waitFor();
    assert.deepEqual((await keys(page)).slice(0, before.length), before);
    await offer.click();
    await until("the new traces", 5000, async () => (await keys(page))[0] !== before[0]);
    await shot(page, "traces");
  });
  check("sorting by duration is done over all, and equals the API and kieker-query", async () => {
    await page.getByRole("button", { name: "Duration" }).click();
    await until("the sorted list", 5000, async () => (await page.getByRole("columnheader", { name: "Duration" }).getAttribute("aria-sort")) === "descending");
    assert.equal(param(page, "sort"), "duration");
    const { rows } = await api(base, "traces?sort=duration&state=complete&limit=1");
    state.slowest = rows[0];
    await until("the slowest trace in the list", 5000, async () => (await keys(page)).slice(0, 5).includes(rows[0].id));
    const said = await server.query("traces", "--slowest", "1", "--state", "complete");
    if (said) assert.equal(said.rows[0].id, rows[0].id);
  });
  check("the slowest trace opens", async () => {
    await page.locator(`.grid .row[data-key="${state.slowest.id}"] a`).click();
    await page.getByRole("treegrid").waitFor();
    assert.equal(param(page, "id"), state.slowest.id);
    await page.getByRole("heading", { level: 1, name: new RegExp(state.slowest.root.replace(/[^\w]/g, ".")) }).waitFor();
  });
  check("it unfolds to its slowest call", async () => {
    state.call = slowestCall(await api(base, `trace?id=${state.slowest.id}`));
    await page.getByRole("treegrid").locator("[data-index]").first().click();
    const selected = () => page.locator('.row[aria-selected="true"]').getAttribute("data-key");
    for (let i = 0; i < 300 && (await selected()) !== state.call.call; i++) await page.keyboard.press("l");
    assert.equal(await selected(), state.call.call);
    await until("the selection in the URL", 2000, () => param(page, "selected") === state.call.call);
    await shot(page, "trace");
  });
  check("the icicle shows the same call, and zooms to it", async () => {
    await page.getByRole("tab", { name: "Icicle" }).click();
    const painted = () => page.evaluate(() => window.__view && { n: window.__view.boxes.length, selected: window.__view.selected, boxes: window.__view.boxes });
    const view = await until("the icicle", 5000, painted);
    assert.equal(view.selected, state.call.call);
    assert.ok(view.n > 0);
    await shot(page, "icicle");
    const root = view.boxes[0];
    await page.locator(".icicle .holder").dblclick({ position: { x: root.x + root.w / 2, y: root.y + root.h / 2 } });
    await until("the zoom in the URL", 2000, () => param(page, "call") === root.id);
    await page.goBack();
    await page.getByRole("tab", { name: "Tree" }).click();
  });
  check("from the call to its operation", async () => {
    await page.getByRole("link", { name: "This operation" }).click();
    await page.getByRole("heading", { name: "Callers" }).waitFor();
    assert.match(await page.locator("h1").first().textContent(), new RegExp("^" + state.call.operation.replace(/[^\w]/g, ".")));
    await shot(page, "operation");
  });
  check("from the operation to the architecture, focused on it", async () => {
    await page.getByRole("link", { name: "In architecture" }).click();
    await page.locator(".graph .node.chosen").waitFor();
    assert.equal(param(page, "focus"), state.call.operation_id);
    await page.locator(".graph .edge").first().waitFor({ state: "attached" });
  });
  check("an edge leads to the traces behind it", async () => {
    const { edges } = await api(base, "graph?level=operation");
    const row = listed(page).filter({ hasNotText: "Entry" }).first();
    const key = await row.getAttribute("data-key");
    await row.click();
    await page.locator(".graph .edge.chosen").waitFor({ state: "attached" });
    const [source, target] = JSON.parse(key);
    assert.ok(edges.some((e) => e.source === source && e.target === target));
    const traces = page.getByTestId("edge-traces").getByRole("link");
    await traces.first().waitFor();
    const { total } = await api(base, `traces?caller=${source}&callee=${target}&limit=1`);
    assert.ok(total > 0);
    await shot(page, "architecture");
    state.edgeUrl = page.url();
    await traces.first().click();
    await page.getByRole("treegrid").waitFor();
  });
  check("back and a fresh load show the same edge", async () => {
    await page.goBack();
    await page.locator(".graph .edge.chosen").waitFor({ state: "attached" });
    assert.equal(page.url(), state.edgeUrl);
    await page.reload();
    await page.locator(".graph .edge.chosen").waitFor({ state: "attached" });
    await page.getByTestId("edge-traces").getByRole("link").first().waitFor();
  });
  check("all filtered out: the page says which part to drop", async () => {
    await page.goto(base + "/traces?op=there-is-no-such-operation&min=1ns");
    await page.getByRole("heading", { name: /match the filter/ }).waitFor();
    await shot(page, "filtered");
    await page.getByRole("button", { name: /^operation there-is-no/ }).click();
    await listed(page).first().waitFor();
    assert.equal(param(page, "op"), null);
    assert.equal(param(page, "min"), "1ns");
  });
}
