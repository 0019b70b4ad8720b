// SPDX-License-Identifier: Apache-2.0
// The same ground without a mouse.

import assert from "node:assert/strict";
import { until } from "./programs.mjs";

const focused = (page, selector) => page.evaluate((s) => !!document.activeElement?.closest(s), selector);

/** Presses Tab until the focus is within what `selector` finds. */
export async function tabTo(page, selector, most = 60) {
  for (let i = 0; i < most; i++) {
    if (await focused(page, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${selector} is not reached by Tab`);
}

export function keyboard(check, { page }, server) {
  const base = server.url;
  check("keys: search with /, down the list, open with Enter", async () => {
    await page.goto(base + "/traces");
    await page.locator(".grid .body .row[data-key]").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type(">1ns");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: /^Drop the filter at least 1ns/ }).waitFor();
    await page.locator(".grid .body .row[data-key]").first().waitFor();
    await tabTo(page, ".grid .body .row");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await until("the second row", 2000, () => focused(page, '[aria-rowindex="3"]'));
    await page.keyboard.press("End");
    await page.keyboard.press("Home");
    await until("the first row", 2000, () => focused(page, '[aria-rowindex="2"]'));
    await page.keyboard.press("Enter");
    await page.getByRole("treegrid").waitFor();
  });
  check("keys: through the tree, to the icicle and back", async () => {
    await tabTo(page, '[role="treegrid"] .row');
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("l");
    await page.keyboard.press("u");
    await until("the root selected", 2000, () => focused(page, '[aria-level="1"]'));
    await page.keyboard.press("ArrowLeft");
    await until("the root folded", 2000, () => focused(page, '[aria-expanded="false"]'));
    await page.keyboard.press("ArrowRight");
    await until("the root unfolded", 2000, () => focused(page, '[aria-expanded="true"]'));
    await page.keyboard.press("i");
    await page.locator(".icicle canvas").waitFor();
    await tabTo(page, ".icicle .holder");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await until("a selection in the icicle", 2000, () => page.evaluate(() => window.__view?.selected !== undefined));
    await page.keyboard.press("t");
    await page.getByRole("treegrid").waitFor();
  });
  check("keys: help opens and closes", async () => {
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
  check("keys: to the operation and into the graph", async () => {
    await page.keyboard.press("o");
    await page.getByRole("heading", { name: "Callees" }).waitFor();
    await tabTo(page, 'a[href^="/architecture"]');
    await page.keyboard.press("Enter");
    await page.locator(".graph .node").first().waitFor();
    await tabTo(page, ".graph .node");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    assert.ok(await focused(page, ".graph .node"));
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Selected node" }).waitFor();
    await page.keyboard.press("+");
    await page.keyboard.press("0");
    await tabTo(page, ".grid .body .row");
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Selected edge" }).waitFor();
  });
  check("keys: the filter is dropped, the skip link skips", async () => {
    await page.goto(base + "/traces?min=1ns");
    await page.locator(".grid .body .row[data-key]").first().waitFor();
    await page.keyboard.press("Tab");
    assert.ok(await focused(page, ".skip"));
    await page.keyboard.press("Enter");
    assert.ok(await focused(page, "main"));
    await tabTo(page, ".chip");
    await page.keyboard.press("Enter");
    await until("a URL without filter", 2000, () => !page.url().includes("min="));
  });
}
