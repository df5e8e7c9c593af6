// Once for all files: the program and the app are there, the clips are made, and there is a
// place for what a first scan finds in them.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeClips } from "./clips";
import { PROGRAM } from "./server";

export default async function setup(): Promise<() => void> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run cargo build`);
  if (!existsSync(new URL("../../dist/index.html", import.meta.url))) {
    throw new Error("web/dist is missing: run npm run build");
  }
  await makeClips();
  const seeds = mkdtempSync(join(tmpdir(), "aerial-e2e-seeds-"));
  // Read by `server`, in the processes that the files run in. Not `AERIAL_…`: the program
  // takes those for its settings.
  process.env.E2E_SEEDS = seeds;
  return () => rmSync(seeds, { recursive: true, force: true });
}
