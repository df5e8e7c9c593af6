// Channels made with a form, set, cloned, taken along as a file, and deleted.

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { Server } from "./support/server";

interface Channel {
  id: string;
  number: string;
  name: string;
  [setting: string]: unknown;
}
interface List {
  channels: { number: string; name: string; items: Record<string, unknown>[] }[];
}

const REFUSED = [/409|422/];

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

async function channels(): Promise<Channel[]> {
  return (await server.ask<{ items: Channel[] }>("/api/v1/channels")).items;
}

async function titles(channel: string): Promise<string[]> {
  const path = `/api/v1/channels/${channel}/lineup`;
  return (await server.ask<{ items: { title: string }[] }>(path)).items.map(({ title }) => title);
}

async function choose(page: Page, channel: string, action: string): Promise<void> {
  await page.getByRole("button", { name: `More for ${channel}`, exact: true }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

/** What the browser saves when that is pressed. */
async function saved(
  page: Page,
  press: () => Promise<void>,
): Promise<{ name: string; list: List }> {
  const [download] = await Promise.all([page.waitForEvent("download"), press()]);
  const list = JSON.parse(readFileSync(await download.path(), "utf8")) as List;
  return { name: download.suggestedFilename(), list };
}

const file = (content: unknown) => ({
  name: "channels.json",
  mimeType: "application/json",
  buffer: Buffer.from(typeof content === "string" ? content : JSON.stringify(content)),
});

test("a channel is made; bad input is told next to its field; a lost server loses nothing", () =>
  visit(
    `${server.url}/channels`,
    async (page) => {
      await page.getByRole("button", { name: "New channel" }).click();
      const dialog = page.getByRole("dialog", { name: "New channel" });
      const number = dialog.getByLabel("Number");
      await number.fill("five");
      await dialog.getByText("Picture, catch-up and running").click();
      await dialog.getByLabel("Catch-up").fill("31");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await dialog.getByText("Must be a number such as 5 or 5.1.").waitFor();
      await dialog.getByText("Must be given.").waitFor();
      await dialog.getByText("Must be a whole number of days from 0 to 30.").waitFor();
      expect(await number.getAttribute("aria-invalid")).toBe("true");
      await shoot(page, "channel-form-wrong");
      await expectAccessible(page);

      // The server's own refusal stands at the field too.
      await dialog.getByLabel("Name").fill("Night Line");
      await number.fill("1");
      await dialog.getByLabel("Catch-up").fill("7");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await dialog
        .locator(".field", { has: page.getByLabel("Number") })
        .getByText("1 is taken")
        .waitFor();
      expect(await number.getAttribute("aria-invalid")).toBe("true");

      await number.fill("77");
      await server.without("77");
      await server.end("SIGKILL");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await dialog.getByText("What you typed stays here").waitFor();
      expect(await dialog.getByLabel("Name").inputValue()).toBe("Night Line");
      // Not even by closing the window, and the page.
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      const back = page.getByText("The server is back.").waitFor();
      await server.run();
      await back;
      await page.reload();
      await page.getByRole("button", { name: "New channel" }).click();
      await dialog.getByText("What you typed before is here again").waitFor();
      expect(await number.inputValue()).toBe("77");
      await dialog.getByRole("button", { name: "Make the channel" }).click();
      await page.waitForURL(/\/channels\/[0-9a-f-]{36}$/);
      await page.getByText("Nothing here yet").waitFor();
    },
    { allow: [...REFUSED, ...AWAY] },
  ).then(async () => {
    const made = (await channels()).find((channel) => channel.number === "77");
    expect(made).toMatchObject({ name: "Night Line", catchup_days: 7 });
  }));

test("a channel's settings and its logo are changed, and what is put away is gone", async () => {
  const body = { number: "66", name: "Old Name", group: "Films" };
  const { id } = await server.make(body);
  await visit(`${server.url}/channels`, async (page) => {
    const dialog = page.getByRole("dialog", { name: "Settings of Old Name" });
    await choose(page, "Old Name", "Settings");
    await dialog.getByLabel("Group").fill("Nothing");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await choose(page, "Old Name", "Settings");
    expect(await dialog.getByLabel("Group").inputValue()).toBe("Films");

    const picture = { name: "logo.png", mimeType: "image/png", buffer: await page.screenshot() };
    await dialog.getByLabel("Logo").setInputFiles({ ...picture, mimeType: "image/gif" });
    await dialog.getByText("Must be a PNG, JPEG or WebP picture.").waitFor();
    await dialog.getByLabel("Logo").setInputFiles(picture);
    await dialog.getByAltText("The logo").waitFor();
    await dialog.getByLabel("Name").fill("New Name");
    await dialog.getByLabel("Group").fill("");
    await dialog.getByLabel("Order").selectOption("shuffle");
    await dialog.getByLabel("Begin again after the last item").uncheck();
    await dialog.getByLabel("Begins").fill("2026-01-02T03:04:05");
    await dialog.getByText("Picture, catch-up and running").click();
    await dialog.getByLabel("Picture", { exact: true }).selectOption("transcode");
    await dialog.getByLabel("720p").check();
    await dialog.getByLabel("Keeps running after the last viewer").fill("12.5");
    await dialog.getByLabel("Catch-up").fill("3");
    await dialog.getByLabel("Always on the air").check();
    await shoot(page, "channel-form");
    await expectAccessible(page);
    await dialog.getByRole("button", { name: "Save" }).click();
    // The name is there before the logo.
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Arrange New Name" }).waitFor();
  });
  const set = (await channels()).find((channel) => channel.id === id);
  expect(set).toMatchObject({
    name: "New Name",
    group: null,
    order: "shuffle",
    loop: false,
    starts_at: new Date("2026-01-02T03:04:05").toISOString(),
    video: "transcode",
    ladder: ["720p"],
    grace_ms: 12_500,
    catchup_days: 3,
    keep_running: true,
  });
  const logo = await fetch(new URL(`${set?.logo}`, server.url));
  expect(logo.headers.get("content-type")).toBe("image/png");
  await server.ask(`/api/v1/channels/${id}`, "DELETE");
});

test("a channel is cloned with its lineup, and the clone is opened", () =>
  visit(
    `${server.url}/channels`,
    async (page) => {
      const [first] = await channels();
      // What is told for a moment is waited for before it comes.
      const told = page.locator(".toast", { hasText: "is made, with the same lineup." });
      const opened = told.getByRole("button", { name: "Open it" }).click();
      await Promise.all([opened, choose(page, first?.name ?? "", "Clone")]);
      await page.waitForURL(/\/channels\/[0-9a-f-]{36}$/);
      const clone = page.url().split("/").at(-1) ?? "";
      expect(clone).not.toBe(first?.id);
      expect(await titles(clone)).toEqual(await titles(first?.id ?? ""));
      // From its own page it is deleted, asked twice.
      const name = (await channels()).find(({ id }) => id === clone)?.name ?? "";
      await choose(page, name, "Delete");
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByRole("button", { name: `Delete ${name} for good` }).click();
      await page.waitForURL(/\/channels$/);
      expect((await channels()).some(({ id }) => id === clone)).toBe(false);
    },
    // Its page may look once more before it is left.
    { allow: [/404.*channels/] },
  ));

test("channels go out as a file, and come in from one, looked at first", () =>
  visit(
    `${server.url}/channels`,
    async (page) => {
      await server.without("91");
      const renamed = `Renamed ${Date.now()}`;
      const [first] = await channels();
      const one = await saved(page, () => choose(page, first?.name ?? "", "Export as a file"));
      expect(one.list.channels.map(({ number }) => number)).toEqual([first?.number]);
      expect(one.name).toBe(`${first?.number}-${first?.name.replace(" ", "-")}.json`);
      const { list } = await saved(page, () =>
        page.getByRole("button", { name: "Export all" }).click(),
      );
      expect(list.channels.length).toBe((await channels()).length);

      await page.getByRole("button", { name: "Import" }).click();
      const dialog = page.getByRole("dialog", { name: "Import channels" });
      const go = dialog.getByRole("button", { name: "Import" });
      await go.click();
      await dialog.getByText("Choose a file first.").waitFor();
      await dialog.getByLabel("File").setInputFiles(file("channels: []"));
      await dialog.getByText("it is not JSON").waitFor();
      const bad = [{ number: "5a", name: "Odd", items: [{ show: 5 }] }];
      await dialog.getByLabel("File").setInputFiles(file({ channels: bad }));
      await dialog.getByText("5a Odd, item 1").waitFor();
      await shoot(page, "import-wrong");
      await expectAccessible(page);
      expect(await go.isDisabled()).toBe(true);

      // One that is there is changed, one is new, and an item of it is not in this library.
      const [known] = list.channels;
      if (known === undefined) throw new Error("nothing was exported");
      const lost = { path: "Films/Lost.mkv", title: "Lost", size_bytes: 5, hash: "00" };
      const wanted = [
        { ...known, name: renamed },
        { ...known, number: "91", name: "From Elsewhere", items: [...known.items, lost] },
      ];
      await dialog.getByLabel("File").setInputFiles(file({ channels: wanted }));
      await dialog.getByText("that channel will be changed").waitFor();
      await dialog.getByText("Will be made").waitFor();
      await dialog.getByText("1 item not in this library, left out").click();
      await dialog.getByText(/Lost/).first().waitFor();
      expect((await channels()).some(({ name }) => name === renamed)).toBe(false);
      await shoot(page, "import");
      await go.click();
      await page.getByText("2 channels are imported.").waitFor();
      await page.getByRole("link", { name: "Arrange From Elsewhere" }).waitFor();
      await page.getByRole("link", { name: `Arrange ${renamed}` }).waitFor();
      expect((await titles("91")).length).toBe(known.items.length);
    },
    { allow: REFUSED },
  ));

test("a channel is deleted only when it is asked twice", () =>
  visit(`${server.url}/channels`, async (page) => {
    const body = { number: "88", name: "Short Lived" };
    await server.make(body);
    await choose(page, "Short Lived", "Delete");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog", { name: "Really delete Short Lived?" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    expect((await channels()).some(({ number }) => number === "88")).toBe(true);
    await choose(page, "Short Lived", "Delete");
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete Short Lived for good" }).click();
    await page.getByText("Short Lived is deleted.").waitFor();
    await page.getByRole("link", { name: "Arrange Short Lived" }).waitFor({ state: "detached" });
  }));

test("axe finds nothing serious, at a desk and on a phone, dark and light", async () => {
  for (const size of ["desk", "phone"] as const) {
    for (const scheme of ["dark", "light"] as const) {
      await visit(
        `${server.url}/channels`,
        async (page) => {
          await page
            .getByRole("link", { name: /^Arrange/ })
            .first()
            .waitFor();
          await expectAccessible(page);
          await shoot(page, `channels-${size}-${scheme}`);
        },
        { size, scheme },
      );
    }
  }
});

test("without channels the page says how to get one", async () => {
  const empty = await Server.start({ media: null });
  try {
    for (const scheme of ["dark", "light"] as const) {
      await visit(
        `${empty.url}/channels`,
        async (page) => {
          await page.getByText("No channels yet").waitFor();
          await expectAccessible(page);
          await shoot(page, `channels-empty-${scheme}`);
        },
        { scheme },
      );
    }
  } finally {
    await empty.stop();
  }
});
