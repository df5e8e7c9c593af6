// Channels made with a form; the library searched, narrowed and looked into.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { Server, until } from "./support/server";

const REFUSED = [/409|422/];
const AWAY = [
  /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|502/,
];

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

test("a channel is made; bad input is told next to its field; a lost server loses nothing", () =>
  visit(
    `${server.url}/channels`,
    async (page) => {
      await page.getByRole("button", { name: "New channel" }).click();
      const dialog = page.getByRole("dialog", { name: "New channel" });
      const number = dialog.getByLabel("Number");
      await number.fill("five");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await dialog.getByText("Must be a number such as 5 or 5.1.").waitFor();
      await dialog.getByText("Must be given.").waitFor();
      expect(await number.getAttribute("aria-invalid")).toBe("true");
      await shoot(page, "channel-form-wrong");
      await expectAccessible(page);

      // The server's own refusal stands at the field too.
      await dialog.getByLabel("Name").fill("Night Line");
      await number.fill("1");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await until(
        "the refusal",
        async () => (await number.getAttribute("aria-invalid")) === "true",
      );

      await number.fill("77");
      await server.end("SIGKILL");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await dialog.getByText("What you typed stays here").waitFor();
      expect(await dialog.getByLabel("Name").inputValue()).toBe("Night Line");
      await server.run();
      await page.getByText("The server is back.").waitFor();
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await page.waitForURL(/\/channels\/[0-9a-f-]{36}$/);
      await page.getByText("Nothing here yet").waitFor();
    },
    { allow: [...REFUSED, ...AWAY] },
  ));

test("a channel is deleted only when it is asked twice", () =>
  visit(`${server.url}/channels`, async (page) => {
    const body = { number: "88", name: "Short Lived" };
    await server.ask("/api/v1/channels", "POST", body);
    const card = page.getByRole("button", { name: "More for Short Lived" });
    await card.click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog", { name: "Really delete Short Lived?" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await card.click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete Short Lived for good" }).click();
    await page.getByText("Short Lived is deleted.").waitFor();
    await card.waitFor({ state: "detached" });
  }));

test("the library is searched and narrowed, and a file tells what is done with it", () =>
  visit(`${server.url}/library`, async (page) => {
    const files = page.getByRole("list", { name: "Files of the library" });
    const links = files.getByRole("link");
    await until("all files", async () => (await links.count()) === 9);
    await page.getByRole("searchbox").fill("night");
    await until("three", async () => (await links.count()) === 3);
    expect(new URL(page.url()).searchParams.get("q")).toBe("night");
    await page.reload();
    await until("three again", async () => (await links.count()) === 3);
    await page.getByRole("searchbox").fill("");
    await page.getByLabel("Picture codec").selectOption("mpeg4");
    await until("one", async () => (await links.count()) === 1);
    await page.getByRole("button", { name: "Pictures" }).click();
    await links.first().click();
    await page.getByRole("heading", { name: "The Long Field" }).waitFor();
    await page.getByText("Must be transcoded: MPEG-4 ASP").waitFor();
    await page.getByRole("cell", { name: "transcoded" }).first().waitFor();
    await expectAccessible(page);

    await page.getByRole("button", { name: "Edit" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Year").fill("98");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Must be a year such as 1998.").waitFor();
    await dialog.getByLabel("Year").fill("1998");
    await dialog.getByLabel("Title").fill("The Longest Field");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "The Longest Field" }).waitFor();
  }));

test("folders come and go, with what is wrong with one next to its field", async () => {
  const folder = mkdtempSync(join(tmpdir(), "aerial-e2e-folder-"));
  try {
    await visit(
      `${server.url}/library`,
      async (page) => {
        await page.getByRole("button", { name: "Folders", exact: true }).click();
        await page.getByRole("button", { name: "Add a folder" }).click();
        const dialog = page.getByRole("dialog", { name: "Add a folder" });
        await dialog.getByLabel("Folder on the server").fill("videos");
        await dialog.getByRole("button", { name: "Add this folder" }).click();
        await dialog.getByText("Must begin with /").waitFor();
        await dialog.getByLabel("Folder on the server").fill("/no/such/folder");
        await dialog.getByRole("button", { name: "Add this folder" }).click();
        await dialog.getByText("cannot be read").waitFor();
        await dialog.getByLabel("Folder on the server").fill(folder);
        await dialog.getByRole("button", { name: "Add this folder" }).click();
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
  for (const path of ["/channels", "/library"]) {
    for (const size of ["desk", "phone"] as const) {
      for (const scheme of ["dark", "light"] as const) {
        await visit(
          server.url + path,
          async (page) => {
            await page
              .getByRole("link", { name: /Harbour Lights|Episode 1/ })
              .first()
              .waitFor();
            await expectAccessible(page);
            await shoot(page, `page${path.replace("/", "-")}-${size}-${scheme}`);
          },
          { size, scheme },
        );
      }
    }
  }
});
