// Holds what a first visit loads to its budget: the script and the style of the frame
// and of the guide, compressed as the server sends them. The player is not among them:
// it comes with the first channel that is watched.

import { readdirSync, readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";

const BUDGET_BYTES = 250_000;
const dist = new URL("../dist/", import.meta.url);
const assets = new URL("assets/", dist);

const names = readdirSync(assets);
const page = readFileSync(new URL("index.html", dist), "utf8");
const loaded = new Set();

/** Takes a file and what it imports before it can run. */
function load(name) {
  if (loaded.has(name) || !names.includes(name)) return;
  loaded.add(name);
  if (!name.endsWith(".js")) return;
  const text = readFileSync(new URL(name, assets), "utf8");
  for (const [, imported] of text.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)["'`]/g))
    load(imported);
}

for (const [, name] of page.matchAll(/(?:src|href)="\.\/assets\/([^"]+\.(?:js|css))"/g)) load(name);
// The home is the guide.
for (const name of names) if (/^GuidePage-.*\.(js|css)$/.test(name)) load(name);

let total = 0;
for (const name of [...loaded].sort()) {
  const bytes = brotliCompressSync(readFileSync(new URL(name, assets))).length;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${name}`);
}
console.log(`${String(total).padStart(8)}  of ${BUDGET_BYTES} bytes`);
if (loaded.size < 3) throw new Error("size: the page's files were not found; is web/dist built?");
if ([...loaded].some((name) => /hls/i.test(name)))
  throw new Error("size: the player is in the first load");
if (total > BUDGET_BYTES) throw new Error("size: the first load is over its budget");
