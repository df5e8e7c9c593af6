// The library searched, narrowed, sorted and looked into; folders that come and go.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { Server, until } from "./support/server";

const REFUSED = [/409|422/];

let server: Server;
beforeAll(async () => {
  server = await Server.start();
  await until("the media", async () => {
    const { items } = await server.ask<{ items: unknown[] }>("/api/v1/media");
    return items.length === 9;
  });
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

const links = (page: Page) =>
  page.getByRole("list", { name: "Files of the library" }).getByRole("link");

test("the library is searched and narrowed, and a file tells what is done with it", () =>
  visit(`${server.url}/library`, async (page) => {
    await until("all files", async () => (await links(page).count()) === 9);
    await page.getByText(/^9 files · 4 min/).waitFor();
    await page.getByRole("searchbox").fill("night");
    await until("three", async () => (await links(page).count()) === 3);
    expect(new URL(page.url()).searchParams.get("q")).toBe("night");
    await page.reload();
    await until("three again", async () => (await links(page).count()) === 3);
    await page.getByRole("searchbox").fill("");
    await page.getByLabel("Picture codec").selectOption("mpeg4");
    await until("one", async () => (await links(page).count()) === 1);
    await page.getByRole("button", { name: "Pictures" }).click();
    await links(page).first().click();
    // Longest where a first try got that far.
    await page.getByRole("heading", { name: /^The Long(est)? Field$/ }).waitFor();
    await page.getByText("Must be transcoded: MPEG-4 ASP").waitFor();
    await page.getByRole("cell", { name: "transcoded" }).first().waitFor();
    await expectAccessible(page);

    await page.getByRole("button", { name: "Edit" }).click();
    const dialog = page.getByRole("dialog");
    // Another one than a first try may have left.
    const year = (await dialog.getByLabel("Year").inputValue()) === "1998" ? "1999" : "1998";
    await dialog.getByLabel("Year").fill("98");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Must be a year such as 1998.").waitFor();
    // A window that is closed by mistake loses nothing.
    await dialog.getByLabel("Year").fill(year);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Edit" }).click();
    await dialog.getByText("What you typed before is here again").waitFor();
    expect(await dialog.getByLabel("Year").inputValue()).toBe(year);
    await dialog.getByLabel("Title").fill("The Longest Field");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "The Longest Field" }).waitFor();
    // The way back is to what was looked for.
    await page.getByRole("main").getByRole("link", { name: "Library" }).click();
    await until("one", async () => (await links(page).count()) === 1);
    expect(new URL(page.url()).searchParams.get("codec")).toBe("mpeg4");
  }));

test("going back, and loading anew, leads to the place that was left", () =>
  visit(`${server.url}/library`, async (page) => {
    await page.setViewportSize({ width: 1280, height: 420 });
    await until("some files", async () => (await links(page).count()) > 4);
    // Above them, and told by another answer.
    await page.getByText(/^9 files · 4 min/).waitFor();
    const scrolled = () => page.evaluate(() => Math.round(window.scrollY));
    const link = page.getByRole("link", { name: /The Long/ });
    await link.scrollIntoViewIfNeeded();
    // As it is: the browser's driver scrolls to what it clicks.
    const top = await scrolled();
    expect(top).toBeGreaterThan(0);
    await link.click();
    await page.getByRole("button", { name: "Edit" }).waitFor();
    expect(await scrolled()).toBe(0);
    await page.goBack();
    await expect.poll(scrolled).toBe(top);
    await page.reload();
    await expect.poll(scrolled).toBe(top);
  }));

test("files are sorted by name, length, size and when they were found", async () => {
  interface Media {
    title: string;
    length_ms: number;
    size_bytes: number;
  }
  const { items } = await server.ask<{ items: Media[] }>("/api/v1/media?sort=name");
  const largest = items.reduce((a, b) => (b.size_bytes > a.size_bytes ? b : a));
  await visit(`${server.url}/library`, async (page) => {
    await until("all files", async () => (await links(page).count()) === 9);
    const sort = page.getByLabel("Order");
    const first = async () => (await links(page).first().textContent()) ?? "";
    await sort.selectOption("length");
    await until("the longest", async () => (await first()).includes("Evening Light"));
    expect(new URL(page.url()).searchParams.get("sort")).toBe("length");
    await sort.selectOption("size");
    await until("the largest", async () => (await first()).includes(largest.title));
    await sort.selectOption("added");
    await page.waitForURL(/[?&]sort=added/);
    await until("all", async () => (await links(page).count()) === 9);
    await sort.selectOption("name");
    const names = async () => links(page).evaluateAll((all) => all.map((one) => one.textContent));
    await until("by name", async () => {
      const shown = (await names()).map((text) => text ?? "");
      return (
        shown.length === 9 && shown.every((text, at) => text.includes(items[at]?.title ?? "?"))
      );
    });
  });
});

test("a file tells which channels play it, by itself and as part of a show", async () => {
  const { items } = await server.ask<{ items: { id: string }[] }>("/api/v1/media?q=harbour");
  const media = items[0]?.id ?? "";
  const body = { number: "61", name: "By Itself", items: [{ media }] };
  const { id } = await server.make(body);
  await visit(`${server.url}/library/${media}`, async (page) => {
    const plays = page.getByRole("region", { name: "Channels that play it" });
    await plays.getByText("as part of Harbour Lights").first().waitFor();
    await plays.getByRole("link", { name: "61 By Itself" }).waitFor();
    await shoot(page, "library-file");
    // A lineup that is changed elsewhere is told at once.
    await server.ask(`/api/v1/channels/${id}/lineup`, "PUT", { items: [] });
    await plays.getByRole("link", { name: "61 By Itself" }).waitFor({ state: "detached" });
    await plays.getByRole("link").first().click();
    await page.waitForURL(/\/channels\/[0-9a-f-]{36}$/);
  });
});

test("a folder is found by going through the server's; its files are not known before they play", async () => {
  const top = mkdtempSync(join(tmpdir(), "aerial-e2e-browse-"));
  mkdirSync(join(top, "empty"));
  symlinkSync(CLIPS, join(top, "videos"));
  const empty = await Server.start({ media: null });
  // A server without channels makes some of what it finds.
  const body = { number: "1", name: "One" };
  const { id } = await empty.ask<{ id: string }>("/api/v1/channels", "POST", body);
  try {
    await visit(`${empty.url}/library`, async (page) => {
      await page.getByText("The library is empty").waitFor();
      await expectAccessible(page);
      await shoot(page, "library-empty");
      await page.getByRole("button", { name: "Add a folder" }).click();
      const folders = page.getByRole("dialog", { name: "Folders of the library" });
      await folders.getByText("No folder yet.").waitFor();
      await folders.getByRole("button", { name: "Add a folder" }).click();
      const dialog = page.getByRole("dialog", { name: "Add a folder" });
      const here = dialog.getByRole("list", { name: "Folders here" });
      for (const part of top.split("/").filter((name) => name !== ""))
        await here.getByRole("button", { name: part, exact: true }).click();
      await here.getByRole("button", { name: "empty" }).waitFor();
      await expectAccessible(page);
      await shoot(page, "library-folder");
      await here.getByRole("button", { name: "videos" }).click();
      const path = dialog.getByLabel("Folder on the server");
      await until("its path", async () => (await path.inputValue()) === `${top}/videos`);
      await dialog.getByRole("button", { name: "Add this folder" }).click();
      await page.getByText("The folder is added").waitFor();
      await folders.getByRole("button", { name: "Close" }).click();

      await until("all files", async () => (await links(page).count()) === 9);
      await page.getByText("Not known yet").first().waitFor();
      await page.getByRole("searchbox").fill("evening light");
      await until("one", async () => (await links(page).count()) === 1);
      await links(page).first().click();
      const verdict = page.getByText("Not known yet", { exact: true });
      await verdict.waitFor();
      await page.getByText("its keyframes are not indexed yet").waitFor();
      await page.getByText("No channel plays it.").waitFor();
      await expectAccessible(page);
      await shoot(page, "library-file-unknown");

      // A channel plays it: then it is found out, and the page says so.
      const { items } = await empty.ask<{ items: { id: string }[] }>("/api/v1/media?q=evening");
      const lineup = { items: [{ media: items[0]?.id }] };
      await empty.ask(`/api/v1/channels/${id}/lineup`, "PUT", lineup);
      await page.getByRole("link", { name: "1 One" }).waitFor();
      await verdict.waitFor({ state: "detached" });
    });
  } finally {
    await empty.stop();
    rmSync(top, { recursive: true, force: true });
  }
});

test("a lost server takes away nothing that is shown, and what was asked meanwhile is answered", () =>
  visit(
    `${server.url}/library`,
    async (page) => {
      await until("all files", async () => (await links(page).count()) === 9);
      await server.end("SIGKILL");
      await page.getByRole("searchbox").fill("night");
      await page.getByText("The server does not answer. Trying again").waitFor();
      expect(await links(page).count()).toBe(9);
      await expectAccessible(page);
      const back = page.getByText("The server is back.").waitFor();
      await server.run();
      await back;
      await until("three", async () => (await links(page).count()) === 3);
    },
    { allow: AWAY },
  ));

test("what is not there is told, with a way on", async () => {
  const nobody = "00000000-0000-7000-8000-000000000000";
  for (const [path, told, way] of [
    [`/library/${nobody}`, "There is no such file in the library", "Library"],
    [`/channels/${nobody}`, "There is no such channel", "All channels"],
    ["/library?q=zzz", "Nothing fits", "Look at everything"],
  ] as const)
    await visit(
      server.url + path,
      async (page) => {
        await page.getByText(told).last().waitFor();
        await page.getByRole("main").getByText(way, { exact: true }).first().waitFor();
        await expectAccessible(page);
      },
      { allow: [/404/] },
    );
});

test("folders come and go, with what is wrong with one next to its field", async () => {
  const folder = mkdtempSync(join(tmpdir(), "aerial-e2e-folder-"));
  try {
    await visit(
      `${server.url}/library`,
      async (page) => {
        await page.getByRole("button", { name: "Folders", exact: true }).click();
        await page.getByRole("button", { name: "Add a folder" }).click();
        const dialog = page.getByRole("dialog", { name: "Add a folder" });
        const path = dialog.getByLabel("Folder on the server");
        const add = dialog.getByRole("button", { name: "Add this folder" });
        await add.click();
        await dialog.getByText("Choose or type a folder first.").waitFor();
        await path.fill("/no/such/folder");
        await add.click();
        await dialog
          .locator(".field", { has: page.getByLabel("Folder on the server") })
          .getByText("cannot be read")
          .waitFor();
        expect(await path.getAttribute("aria-invalid")).toBe("true");
        await path.fill(folder);
        await add.click();
        await page.getByRole("button", { name: `Remove ${folder}` }).click();
        await page.getByRole("button", { name: "Remove", exact: true }).click();
        await page.getByRole("button", { name: "Remove the folder for good" }).click();
        await page.getByText("The folder is removed.").waitFor();
      },
      { allow: REFUSED },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("axe finds nothing serious, at a desk and on a phone, dark and light", async () => {
  const { items } = await server.ask<{ items: { id: string }[] }>("/api/v1/media?q=night");
  for (const path of ["/library", "/library?view=grid", `/library/${items[0]?.id}`]) {
    for (const size of ["desk", "phone"] as const) {
      for (const scheme of ["dark", "light"] as const) {
        await visit(
          server.url + path,
          async (page) => {
            if (path.startsWith("/library/")) await page.getByRole("heading").first().waitFor();
            else await links(page).first().waitFor();
            await expectAccessible(page);
            const beyond = await page.evaluate(
              () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
            );
            expect([path, size, beyond]).toEqual([path, size, 0]);
            const name = path.replace(/\/[0-9a-f-]{36}/, "-file").replace(/\W+/g, "-");
            await shoot(page, `page${name}-${size}-${scheme}`);
          },
          { size, scheme },
        );
      }
    }
  }
});
