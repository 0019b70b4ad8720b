// SPDX-License-Identifier: Apache-2.0
// Every page in both themes and on a narrow screen: no violation, nothing wider than the screen.

import assert from "node:assert/strict";
import { accessible, openPage, shot } from "./browser.mjs";
import { until } from "./programs.mjs";

function pages(state) {
  const op = encodeURIComponent(state.call.component ? `${state.call.component}.${state.call.operation}` : state.call.operation);
  const edge = new URL(state.edgeUrl).search;
  return [
    ["overview", "/", ".tiles"],
    ["traces", "/traces?sort=duration", ".grid .body .row[data-key]"],
    ["trace", `/trace?id=${state.slowest.id}&selected=${state.call.call}`, '.row[aria-selected="true"]'],
    ["icicle", `/trace?id=${state.slowest.id}&selected=${state.call.call}&tab=icicle`, ".icicle canvas"],
    ["operations", "/operations", ".grid .body .row[data-key]"],
    ["operation", `/operation?id=${state.call.operation_id}&op=${op}`, ".facts"],
    ["architecture", "/architecture", ".graph .node"],
    ["edge", `/architecture${edge}`, '[data-testid="edge-traces"] a'],
    ["tree", "/tree", ".grid .body .row[data-key]"],
    ["records", "/records", ".values td"],
    ["filtered", "/traces?op=there-is-no-such-operation&min=1ns", ".drops button"],
    ["nowhere", "/nowhere", "main h1"],
  ];
}

export function looks(check, browser, server, state) {
  for (const scheme of ["light", "dark"])
    check(`every page is accessible in the ${scheme} theme`, async () => {
      const opened = await openPage(browser, server.url, { colorScheme: scheme });
      try {
        for (const [name, url, ready] of pages(state)) {
          await opened.page.goto(server.url + url);
          await opened.page.locator(ready).first().waitFor();
          await opened.page.evaluate(() => document.fonts.ready);
          await accessible(opened.page).catch((e) => assert.fail(`${name}: ${e.message}`));
          await shot(opened.page, `${name}-${scheme}`);
        }
        assert.deepEqual(opened.watch.misdeeds, []);
      } finally {
        await opened.close();
      }
    });
  check("the theme switch stays chosen", async () => {
    const opened = await openPage(browser, server.url, { colorScheme: "light" });
    try {
      const { page } = opened;
      const dark = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await page.goto(server.url + "/");
      const before = await dark();
      await page.getByRole("button", { name: /^Theme: system/ }).click();
      await page.getByRole("button", { name: /^Theme: light/ }).click();
      await page.getByRole("button", { name: /^Theme: dark/ }).waitFor();
      assert.notEqual(await dark(), before);
      await page.reload();
      await page.getByRole("button", { name: /^Theme: dark/ }).waitFor();
      assert.notEqual(await dark(), before);
      assert.deepEqual(opened.watch.misdeeds, []);
    } finally {
      await opened.close();
    }
  });
  check("every page can be used at a width of 390 px", async () => {
    const opened = await openPage(browser, server.url, { viewport: { width: 390, height: 844 }, hasTouch: true });
    try {
      for (const [name, url, ready] of pages(state)) {
        await opened.page.goto(server.url + url);
        await opened.page.locator(ready).first().waitFor();
        const wide = await opened.page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.querySelector("main").scrollWidth));
        assert.ok(wide <= 390, `${name} is ${wide} px wide`);
        await accessible(opened.page).catch((e) => assert.fail(`${name}: ${e.message}`));
        await shot(opened.page, `${name}-narrow`);
      }
      assert.deepEqual(opened.watch.misdeeds, []);
    } finally {
      await opened.close();
    }
  });
}

/** The server goes and comes back: the page says so and keeps what it shows. */
export function gone(check, { page, watch }, server) {
  check("the server goes: the page says so, keeps its list, and finds it again", async () => {
    await page.goto(server.url + "/traces?sort=duration");
    const rows = page.locator(".grid .body .row[data-key]");
    await rows.first().waitFor();
    const url = page.url();
    watch.forgive = true; // connections that are refused are what is looked at
    await server.stopCollector();
    await page.getByText(/The collector is gone since/).waitFor();
    assert.ok((await rows.count()) > 0);
    await page.evaluate(() => (window.__notReloaded = true));
    await server.start();
    await page.getByText(/The collector is gone since/).waitFor({ state: "detached" });
    watch.forgive = false;
    await until("the list again", 5000, async () => (await rows.count()) > 0);
    assert.ok(await page.evaluate(() => window.__notReloaded));
    assert.equal(page.url(), url);
  });
}
