// SPDX-License-Identifier: Apache-2.0
// Bundles the dashboard: node build.mjs OUTDIR
//
// Writes index.html, favicon.svg, notices.txt and, with a hash of their content in the name,
// app.*.js, app.*.css and, loaded when they are needed, plot.*.js (charts) and graph.*.js (the
// worker that lays out graphs).
// The same sources give the same bytes.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) {
  console.error("usage: node build.mjs OUTDIR");
  process.exit(2);
}

const common = {
  absWorkingDir: here,
  bundle: true,
  write: false,
  minify: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none", // notices.txt says them all
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
};

/** Our files of an earlier build would be embedded beside the new ones. */
function clear() {
  mkdirSync(out, { recursive: true });
  for (const name of readdirSync(out)) if (/^(app|plot|graph)\.[0-9a-f]{12}\.(js|css)$/.test(name)) rmSync(join(out, name));
}

function write(name, contents) {
  writeFileSync(join(out, name), contents);
  return name;
}

function writeHashed(stem, extension, contents) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  return write(`${stem}.${hash}.${extension}`, contents);
}

function dependency(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { version, license, text: readFileSync(join(folder, "LICENSE"), "utf8").trim() };
}

/** What is in the bundle belongs to others too: their notices go with it. */
async function notices() {
  const { Graphviz } = await import("@hpcc-js/wasm-graphviz");
  const graphviz = (await Graphviz.load()).version();
  const [preact, uplot, wrapper] = ["preact", "uplot", "@hpcc-js/wasm-graphviz"].map(dependency);
  const rule = "\n" + "-".repeat(78) + "\n";
  return [
    "This dashboard contains the work of others.",
    `Graphviz ${graphviz}: lays out the graph of the page Architecture (graph.*.js holds it as WebAssembly).
Copyright AT&T and the Graphviz authors. Under the Eclipse Public License, whose text stands
at https://graphviz.org/license/. It is used without changes; its source:
https://gitlab.com/graphviz/graphviz/-/tree/${graphviz}`,
    `@hpcc-js/wasm-graphviz ${wrapper.version} (${wrapper.license}): Graphviz built as WebAssembly, with Expat
(MIT) inside. Its source: https://github.com/hpcc-systems/hpcc-js-wasm

${wrapper.text}`,
    `preact ${preact.version} (${preact.license}): https://github.com/preactjs/preact

${preact.text}`,
    `uPlot ${uplot.version} (${uplot.license}): https://github.com/leeoniya/uPlot

${uplot.text}`,
  ].join("\n" + rule + "\n") + "\n";
}

function only(result, extension) {
  return result.outputFiles.find((f) => f.path.endsWith(extension)).contents;
}

clear();
const parts = {};
for (const [stem, entry, name] of [
  ["plot", "src/plot.ts", "PLOTTER"],
  ["graph", "src/graphworker.ts", "GRAPH_WORKER"],
]) {
  const part = await build({ ...common, entryPoints: [entry], outfile: `${stem}.js` });
  parts[name] = JSON.stringify("/" + writeHashed(stem, "js", only(part, ".js")));
}
const app = await build({ ...common, entryPoints: ["src/main.tsx"], outfile: "app.js", define: parts, external: ["/plot.*"] });
const js = writeHashed("app", "js", only(app, ".js"));
const css = writeHashed("app", "css", only(app, ".css"));
write("favicon.svg", readFileSync(join(here, "src/favicon.svg")));
write("notices.txt", await notices());
write(
  "index.html",
  readFileSync(join(here, "src/index.html"), "utf8").replace("{{css}}", "/" + css).replace("{{js}}", "/" + js),
);
