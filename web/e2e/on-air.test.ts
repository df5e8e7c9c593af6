// The control room: what a session looks like that somebody watches, what is told when its
// FFmpeg dies, and taking it off the air.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { Server, until } from "./support/server";
import { Viewer } from "./support/viewer";

let server: Server;
let media: string;

interface Run {
  worker: number;
  pid: number | null;
  ended_at: string | null;
}

beforeAll(async () => {
  media = mkdtempSync(join(tmpdir(), "aerial-e2e-long-"));
  // So long that its worker has to rest, and is there to be killed.
  const from = join(CLIPS, "Films/Evening Light (1998).mp4");
  const to = join(media, "The Long Evening (2020).mp4");
  execFileSync("ffmpeg", [..."-v error -stream_loop 14 -i".split(" "), from, "-c", "copy", to]);
  server = await Server.start({ media });
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
  rmSync(media, { recursive: true, force: true });
});

const page = () => `${server.url}/on-air`;

/** The run of FFmpeg that is at work or rests for channel 1. */
async function living(): Promise<Run | undefined> {
  const { items } = await server.ask<{ items: { runs: Run[] }[] }>("/api/v1/streams/1/history");
  return items[0]?.runs.find(({ ended_at, pid }) => ended_at === null && pid !== null);
}

/** Kills the run that is at work; one that ended by itself meanwhile is not counted. */
async function killed(): Promise<Run> {
  let run: Run | undefined;
  await until("a worker", async () => {
    run = await living();
    try {
      return run?.pid != null && process.kill(run.pid, "SIGKILL");
    } catch {
      return false;
    }
  });
  if (run === undefined) throw new Error("nothing was killed");
  return run;
}

test("nothing on the air is as it should be", () =>
  visit(page(), async (page) => {
    await page.getByRole("heading", { name: "Nothing is on the air" }).waitFor();
    await page.getByText("Processors").waitFor();
    await expectAccessible(page);
  }));

test("a viewer puts a strip there, with segments, and it moves", async () => {
  const viewer = await Viewer.tuneIn(server.url, "1");
  try {
    await visit(page(), async (page) => {
      const card = page.getByRole("article", { name: "Films" });
      await card.getByText("1 viewer", { exact: true }).waitFor();
      const lane = card.getByRole("img");
      await lane.first().waitFor();
      await expect
        .poll(() => lane.first().getAttribute("aria-label"))
        .toMatch(/\d+ (made|from the store)/);
      await card.getByText(/\d+ s ahead/).waitFor();
      await expect.poll(() => card.locator(".tick").count()).toBeGreaterThan(5);
      const layer = card.locator(".lane .layer").first();
      const before = await layer.evaluate((one) => one.style.transform);
      await expect.poll(() => layer.evaluate((one) => one.style.transform)).not.toBe(before);
      await expectAccessible(page);
      await shoot(page, "on-air");
      // Nothing is asked for more often than once a second.
      await card.getByRole("button", { name: "Details" }).click();
      await card.getByText("Runs of FFmpeg").waitFor();
      const asked = new Map<string, number>();
      page.on("request", (request) => {
        const { pathname } = new URL(request.url());
        asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
      });
      const begun = performance.now();
      await until(
        "four looks at the strips",
        () => (asked.get("/api/v1/streams/strips") ?? 0) >= 4,
      );
      const most = Math.ceil((performance.now() - begun) / 1_000) + 1;
      expect([...asked].filter(([, times]) => times > most)).toEqual([]);
    });
  } finally {
    await viewer.end();
  }
});

test("an FFmpeg that is killed leaves a mark with its own words behind it", async () => {
  const viewer = await Viewer.tuneIn(server.url, "1");
  try {
    await visit(page(), async (page) => {
      const card = page.getByRole("article", { name: "Films" });
      await card.waitFor();
      const run = await killed();
      const mark = card.getByRole("button", { name: /^Fault at / });
      await mark.first().waitFor();
      // It moves with the strip: a hand follows it, a test takes the keys.
      await mark.first().focus();
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog");
      await dialog.getByText("Command line").first().waitFor();
      await dialog.getByText("The Long Evening").first().waitFor();
      expect(await dialog.getByLabel("Command line").textContent()).toContain("ffmpeg");
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "hidden" });
      await card.getByRole("button", { name: "What FFmpeg said" }).click();
      await dialog.getByText("FFmpeg crashed").waitFor();
      await page.keyboard.press("Escape");

      await card.getByRole("button", { name: "Details" }).click();
      await card.getByRole("button", { name: `Look at run ${run.worker}`, exact: true }).waitFor();
      await expectAccessible(page);
    });
  } finally {
    await viewer.end();
  }
});

test("it is taken off the air after a question, since somebody watches", async () => {
  const viewer = await Viewer.tuneIn(server.url, "1");
  try {
    await visit(page(), async (page) => {
      const card = page.getByRole("article", { name: "Films" });
      await card.getByRole("button", { name: "Stop Films" }).click();
      const question = page.getByRole("dialog", { name: "Take Films off the air?" });
      await question.getByText("1 viewer will lose the picture.").waitFor();
      await question.getByRole("button", { name: "Cancel" }).click();
      await question.waitFor({ state: "hidden" });
      await card.getByRole("button", { name: "Stop Films" }).click();
      await question.waitFor();
      // A player that goes on asking would put it back on the air.
      await viewer.end();
      // What is told for a moment is waited for before it comes.
      const told = page.getByText("Films is off the air").waitFor();
      await question.getByRole("button", { name: "Stop Films" }).click();
      await told;
      await page.getByRole("heading", { name: "Nothing is on the air" }).waitFor();
    });
  } finally {
    await viewer.end();
  }
});

test("a channel is put on the air by hand, on a phone", () =>
  visit(
    page(),
    async (page) => {
      await page.getByRole("button", { name: "Put a channel on the air" }).click();
      await page.getByRole("menuitem", { name: "1 Films" }).click();
      const card = page.getByRole("article", { name: "Films" });
      await card.getByText("Nobody watches").first().waitFor();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
      await expectAccessible(page);
      // Nobody watches: no question.
      await card.getByRole("button", { name: "Stop Films" }).click();
      await page.getByRole("heading", { name: "Nothing is on the air" }).waitFor();
    },
    { size: "phone" },
  ));

test("what aired is noted, with its faults, and can be had as CSV", () =>
  visit(page(), async (page) => {
    await page.getByRole("tab", { name: "What aired" }).click();
    const stretch = page.getByRole("listitem").filter({ hasText: "The Long Evening" });
    await stretch.first().waitFor();
    const troubled = stretch.filter({ hasText: /\d restart/ }).first();
    await troubled.locator("summary").click();
    await troubled
      .getByText(/signal 9/)
      .first()
      .waitFor();
    const address = await page.getByRole("link", { name: "All of it as CSV" }).getAttribute("href");
    const csv = await fetch(new URL(address ?? "", server.url));
    expect(await csv.text()).toContain("The Long Evening");
    await expectAccessible(page);
    await page.reload();
    await stretch.first().waitFor();
  }));
