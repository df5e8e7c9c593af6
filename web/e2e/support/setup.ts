// Once for all files: the program and the app are there, and the clips are made.

import { existsSync } from "node:fs";
import { makeClips } from "./clips";
import { PROGRAM } from "./server";

export default async function setup(): Promise<void> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run cargo build`);
  if (!existsSync(new URL("../../dist/index.html", import.meta.url))) {
    throw new Error("web/dist is missing: run npm run build");
  }
  await makeClips();
}
