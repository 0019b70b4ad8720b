// SPDX-License-Identifier: Apache-2.0
// A collector that wants a token: the page asks for it once, and its session is no script's business.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessible, openPage, shot } from "./browser.mjs";
import { Real } from "./programs.mjs";

const TOKEN = "a-token-that-nobody-guesses";

/** Runs with a page of a collector that wants TOKEN. Refusals are in the console, and are what is looked at. */
async function locked(browser, run) {
  const folder = mkdtempSync(join(tmpdir(), "kieker-token-"));
  writeFileSync(join(folder, "token"), TOKEN + "\n", { mode: 0o600 });
  const server = new Real("--http-token", join(folder, "token"));
  let opened;
  try {
    await server.start();
    opened = await openPage(browser, server.url);
    opened.watch.forgive = true;
    await run(opened.page, server.url);
  } finally {
    await opened?.close();
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

export function login(check, browser) {
  check("a collector with a token: the page asks for it once", async () => {
    await locked(browser, async (page, url) => {
      await page.goto(url + "/operations?sort=self");
      const field = page.getByLabel("Token");
      await field.waitFor();
      await accessible(page);
      await shot(page, "login");
      await field.fill("a wrong one");
      await page.getByRole("button", { name: "Open" }).click();
      await page.getByRole("alert").getByText(/the token is wrong/).waitFor();
      await field.fill(TOKEN);
      await page.keyboard.press("Enter");
      await page.getByRole("navigation", { name: "Pages" }).waitFor();
      assert.equal(page.url(), url + "/operations?sort=self");
      assert.equal(await page.evaluate(() => document.cookie), "");
      const [cookie] = await page.context().cookies();
      assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && !cookie.value.includes(TOKEN));
      // Not again: neither at once, nor in another tab; and the stream of events is let in, too.
      await page.reload();
      await page.getByRole("button", { name: /^Live/ }).getByText("/s").waitFor();
      const other = await page.context().newPage();
      await other.goto(url);
      await other.getByRole("navigation", { name: "Pages" }).waitFor();
      // A session that is gone leads back to the form.
      await page.context().clearCookies();
      await page.reload();
      await page.getByLabel("Token").waitFor();
    });
  });
  check("a link with the token opens the page, and the token goes from the address", async () => {
    await locked(browser, async (page, url) => {
      await page.goto(`${url}/traces#token=${TOKEN}`);
      await page.getByRole("navigation", { name: "Pages" }).waitFor();
      assert.equal(page.url(), url + "/traces");
      await page.goto(`${url}/traces#token=wrong`);
      await page.reload(); // a fragment alone loads nothing
      await page.getByRole("navigation", { name: "Pages" }).waitFor();
    });
  });
}
