// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { applied } from "../src/api.ts";
import { command } from "../src/cli.ts";
import { chipText, parseSearch } from "../src/filter.ts";
import { formatPlace, parsePlace, type Place } from "../src/url.ts";

const round = (url: string) => {
  const u = new URL(url, "http://x");
  return formatPlace(parsePlace(u.pathname, u.search));
};

test("a URL survives being read and written", () => {
  for (const url of [
    "/",
    "/traces?sort=duration&order=asc&op=*get*&min=10ms",
    "/trace?id=7&tab=icicle&selected=12&call=3&view=10-20",
    "/operation?id=4&op=shop.Catalog.get_book&run=nightly",
    "/architecture?level=operation&focus=4&hops=2&source=4&target=9",
    "/traces?caller=4&callee=9",
    "/traces?since=@1767225600.123456789",
  ])
    assert.equal(round(url), url);
});

test("names with every sign survive", () => {
  const place: Place = { page: "operation", query: { id: "1", op: "a.<locals>.λ[int] & b=c?*%+" }, filter: { run: "ä ö#1" } };
  const u = new URL(formatPlace(place), "http://x");
  assert.deepEqual(parsePlace(u.pathname, u.search), place);
});

test("the operation of an operation's page is not the filter", () => {
  assert.deepEqual(parsePlace("/operation", "?op=a&id=1").filter, {});
  assert.deepEqual(parsePlace("/operations", "?op=a").filter, { op: "a" });
});

test("a path that is no page is said to be none", () => {
  assert.equal(parsePlace("/constructor", "").page, "nowhere");
});

test("the search box understands what its hint says", () => {
  assert.deepEqual(parseSearch(">10ms failed get_book").filter, { min: "10ms", failed: "1", op: "*get_book*" });
  assert.deepEqual(parseSearch("roots root:main").filter, { roots: "1", root: "main" });
  assert.deepEqual(parseSearch("<1s calls>100 root:main running").filter, { max: "1s", "min-calls": "100", root: "main", state: "running" });
  assert.equal(parseSearch("#42").trace, "42");
  assert.equal(parseSearch("42").trace, "42");
  assert.deepEqual(parseSearch("shop.*.get").filter, { op: "shop.*.get" });
  assert.deepEqual(parseSearch(">10").unknown, [">10"]);
  assert.deepEqual(parseSearch("  ").filter, {});
});

test("a view is a kieker-query command", () => {
  const at = (url: string) => {
    const u = new URL(url, "http://x");
    return command(parsePlace(u.pathname, u.search), "http://x:1").replace("kieker-query --server http://x:1 ", "");
  };
  assert.equal(at("/traces?sort=duration&op=*a b*&failed=1"), "traces --sort duration --op '*a b*' --failed");
  assert.equal(at("/traces?root=main&roots=1"), "traces --root main --roots");
  assert.equal(at("/trace?id=7&call=3&run=x"), "trace 7 --call 3");
  assert.equal(at("/operations?run=it's"), "operations --run 'it'\\''s'");
  assert.equal(at("/"), "status");
});

test("a verb is asked only for what it takes", () => {
  assert.deepEqual(applied("graph", { run: "a", min: "1ms", state: "running" }), { run: "a" });
  assert.deepEqual(applied("traces", { run: "a", min: "1ms" }), { run: "a", min: "1ms" });
});

test("chips say what they do", () => {
  assert.equal(chipText("failed", "1"), "failed");
  assert.equal(chipText("roots", "1"), "roots only");
  assert.equal(chipText("since", "5m"), "last 5m");
  assert.equal(chipText("op", "*x*"), "operation *x*");
});
