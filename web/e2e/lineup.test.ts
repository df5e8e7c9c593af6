// A lineup arranged by mouse, by keyboard and by finger; seen on the air; kept through an
// absent server; met with somebody else's.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { Server, until } from "./support/server";

interface Item {
  id: string;
  title: string;
  media: string | null;
}
interface Media {
  id: string;
  show: string | null;
  title: string;
}

const CONFLICT = [/409/];

let server: Server;
let media: Media[];
let number = 40;

beforeAll(async () => {
  server = await Server.start();
  await until("the media", async () => {
    const list = await server.ask<{ items: Media[] }>("/api/v1/media?limit=50");
    // The episodes of one show first: their titles differ from those of the films.
    const [films, episodes] = [false, true].map((isEpisode) =>
      list.items.filter(({ show }) => (show !== null) === isEpisode),
    );
    media = [...(episodes ?? []), ...(films ?? [])];
    return media.length === 9;
  });
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

/** A channel of these media, by their titles' place in the library. */
async function channel(...places: number[]): Promise<{ id: string; path: string }> {
  number += 1;
  const items = places.map((place) => ({ media: media[place]?.id }));
  const body = { number: `${number}`, name: `Test ${number}`, items };
  const { id } = await server.ask<{ id: string }>("/api/v1/channels", "POST", body);
  return { id, path: `/channels/${id}` };
}

async function saved(id: string): Promise<string[]> {
  const { items } = await server.ask<{ items: Item[] }>(`/api/v1/channels/${id}/lineup`);
  return items.map((item) => item.title);
}

const title = (place: number) => media[place]?.title ?? "";
const titles = (...places: number[]) => places.map(title);
const list = (page: Page) => page.getByRole("listbox", { name: /^Lineup/ });
const shelf = (page: Page) => page.getByRole("listbox", { name: /^Library/ });

/** What the page shows, in order. */
async function shown(page: Page): Promise<string[]> {
  const names = await list(page)
    .getByRole("option")
    .evaluateAll((rows) =>
      rows
        .map(
          (row) =>
            [
              Number(row.getAttribute("aria-posinset")),
              row.querySelector(".line")?.textContent,
            ] as const,
        )
        .sort(([a], [b]) => a - b)
        .map(([, name]) => name ?? ""),
    );
  return names;
}

async function shows(page: Page, wanted: string[]): Promise<void> {
  await until(`the lineup ${wanted}`, async () => `${await shown(page)}` === `${wanted}`);
}

async function save(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/^Saved\. Seen/).waitFor();
}

test("a lineup is arranged by mouse, and what it becomes is seen at the next item", async () => {
  const { id, path } = await channel(0, 1, 2);
  // Somebody looks at the guide: the channel has begun.
  await server.ask(`/api/v1/channels/${id}/now`);
  await visit(server.url + path, async (page) => {
    await shows(page, titles(0, 1, 2));
    await page.getByText("On now").waitFor();

    // Files of the library are dragged to between the first and the second.
    await page.getByRole("button", { name: "Files" }).click();
    const from = shelf(page).getByRole("option", { name: title(7) });
    const onto = list(page).getByRole("option").nth(1);
    const [grab, to] = [await from.boundingBox(), await onto.boundingBox()];
    if (!grab || !to) throw new Error("rows are not seen");
    await page.mouse.move(grab.x + 120, grab.y + grab.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + 200, to.y + 20, { steps: 8 });
    await page.mouse.move(to.x + 200, to.y + 4, { steps: 2 });
    await shoot(page, "lineup-dragging");
    await page.mouse.up();
    await shows(page, titles(0, 7, 1, 2));

    // Two are chosen and dragged to the top.
    await list(page).getByRole("option").nth(2).click();
    await list(page)
      .getByRole("option")
      .nth(3)
      .click({ modifiers: ["Shift"] });
    const row = await list(page).getByRole("option").nth(2).boundingBox();
    const top = await list(page).getByRole("option").nth(0).boundingBox();
    if (!row || !top) throw new Error("rows are not seen");
    await page.mouse.move(row.x + 200, row.y + row.height / 2);
    await page.mouse.down();
    await page.mouse.move(top.x + 200, top.y + 6, { steps: 10 });
    await page.mouse.up();
    await shows(page, titles(1, 2, 0, 7));
    await page.getByText("Your changes begin").waitFor();

    expect(await saved(id)).toEqual(titles(0, 1, 2));
    await save(page);
    expect(await saved(id)).toEqual(titles(1, 2, 0, 7));
  });

  // What was on, and was promised, plays to its end; then the new lineup.
  interface Entry {
    title: string;
    committed: boolean;
  }
  const guide = () =>
    server
      .ask<{ items: Entry[] }>(`/api/v1/guide?channel=${id}&limit=12`)
      .then(({ items }) => items);
  const planned = await guide();
  const first = planned.findIndex(({ committed }) => !committed);
  expect(first).toBeGreaterThan(0);
  const wanted = planned[first]?.title;
  expect(titles(1, 2, 0, 7)).toContain(wanted);
  const after = planned.slice(first, first + 4).map((entry) => entry.title);
  expect([...after].sort()).toEqual([...titles(1, 2, 0, 7)].sort());
});

test("an edit takes effect when what is on ends", async () => {
  const { id, path } = await channel(0);
  const on = () =>
    server
      .ask<{ current: { title: string } | null }>(`/api/v1/channels/${id}/now`)
      .then(({ current }) => current?.title);
  expect(await on()).toBe(title(0));
  await visit(server.url + path, async (page) => {
    await shows(page, titles(0));
    await page.getByRole("button", { name: "Files" }).click();
    await shelf(page)
      .getByRole("option", { name: title(7) })
      .dblclick();
    await shows(page, titles(0, 7));
    await list(page).getByRole("option").nth(0).click();
    await page.keyboard.press("Delete");
    await shows(page, titles(7));
    await save(page);
  });
  expect(await on()).toBe(title(0));
  // Two minutes of it are promised at most, each of 20 s.
  await until("the new item", async () => (await on()) === title(7), 200_000);
}, 260_000);

test("what it would play is seen before it is saved, with its length, and mixed", async () => {
  const { id, path } = await channel(0);
  await server.ask(`/api/v1/channels/${id}/now`);
  await visit(server.url + path, async (page) => {
    await page.getByText(/^1 item · 20 sec/).waitFor();
    const strip = page.getByRole("list", { name: "What would be on, in order" });
    await strip.getByText("On now").waitFor();
    expect(await strip.getByText(title(7)).count()).toBe(0);
    await page.getByRole("button", { name: "Files" }).click();
    const row = shelf(page).getByRole("option", { name: title(7) });
    await row.dblclick();
    await strip.getByText(title(7)).first().waitFor();
    await page.getByText("Your changes begin").waitFor();
    await page.getByText("Not saved").waitFor();
    expect(await saved(id)).toEqual(titles(0));

    // All of the library, in another order than before.
    await shelf(page).focus();
    await page.keyboard.press("Control+a");
    await page.getByRole("button", { name: "Add 9" }).click();
    await page.getByText(/^11 items · /).waitFor();
    const before = await shown(page);
    await page.getByRole("button", { name: "Shuffle", exact: true }).click();
    await until("another order", async () => `${await shown(page)}` !== `${before}`);
    expect([...(await shown(page))].sort()).toEqual([...before].sort());
    await page.getByRole("button", { name: "Undo: Shuffled" }).click();
    await shows(page, before);
    await page.getByRole("button", { name: "Discard" }).click();
    await shows(page, titles(0));
    await page.getByText("As it is saved").waitFor();
  });
});

test("a lineup is arranged by keyboard alone", async () => {
  const { id, path } = await channel(0, 1, 2, 3);
  await visit(server.url + path, async (page) => {
    await shows(page, titles(0, 1, 2, 3));
    await list(page).focus();
    // The first is picked up, carried down two places and dropped.
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByText("Picked up 1 item.").waitFor({ state: "attached" });
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.getByText(/^Place 3 of 4, before/).waitFor({ state: "attached" });
    await page.keyboard.press("Enter");
    await shows(page, titles(1, 2, 0, 3));

    // What is carried is put back by Escape.
    await page.keyboard.press("Enter");
    await page.keyboard.press("Home");
    await page.keyboard.press("Escape");
    await shows(page, titles(1, 2, 0, 3));

    // Two are chosen, moved by one, duplicated, and the copies taken out again.
    await page.keyboard.press("Home");
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Alt+ArrowDown");
    await shows(page, titles(0, 1, 2, 3));
    await page.keyboard.press("Control+d");
    await shows(page, titles(0, 1, 2, 1, 2, 3));
    await page.keyboard.press("Delete");
    await shows(page, titles(0, 1, 2, 3));
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    await shows(page, titles(1, 2, 0, 3));
    await page.keyboard.press("Control+Shift+z");
    await shows(page, titles(0, 1, 2, 3));
    await page.keyboard.press("Control+z");

    // A show is added from the library.
    await page.keyboard.press("/");
    // At once: each pause in typing is a search of its own.
    await page.keyboard.insertText("night");
    await shelf(page)
      .getByRole("option", { name: "Harbour Lights" })
      .waitFor({ state: "detached" });
    await shelf(page).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await until("the show", async () => (await shown(page)).includes("Night Trains"));
    await page.keyboard.press("Control+s");
    await page.getByText(/^Saved\. Seen/).waitFor();
  });
  expect((await saved(id)).sort()).toEqual([...titles(0, 1, 2, 3), "Night Trains"].sort());
});

test("what was arranged outlives a lost server, a reload and a walk through the app", async () => {
  const { id, path } = await channel(0, 1, 2);
  await visit(
    server.url + path,
    async (page) => {
      await shows(page, titles(0, 1, 2));
      await list(page).getByRole("option").nth(0).click();
      await page.getByRole("button", { name: "Take out" }).click();
      await shows(page, titles(1, 2));

      await server.end("SIGKILL");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Your changes stay here").waitFor();
      await shows(page, titles(1, 2));
      const back = page.getByText("The server is back.").waitFor();
      await server.run();
      await back;

      await page.reload();
      await page.getByText("are here again; they are not saved yet").waitFor();
      await shows(page, titles(1, 2));

      await page.getByRole("navigation").getByRole("link", { name: "Channels" }).click();
      await page.getByRole("link", { name: `Arrange Test ${number}` }).click();
      await page.getByText("are here again; they are not saved yet").waitFor();
      await shows(page, titles(1, 2));
      await save(page);
      await page.reload();
      await shows(page, titles(1, 2));
      expect(await page.getByText("are here again").count()).toBe(0);
    },
    { allow: AWAY },
  );
  expect(await saved(id)).toEqual(titles(1, 2));
});

test("an edit meets somebody else's, and people choose", async () => {
  const { id, path } = await channel(0, 1, 2);
  await visit(
    server.url + path,
    async (page) => {
      await shows(page, titles(0, 1, 2));
      await list(page).getByRole("option").nth(0).click();
      await page.keyboard.press("Delete");
      await shows(page, titles(1, 2));
      // Somebody adds one at the end.
      const added = { items: [{ media: media[3]?.id }] };
      await server.ask(`/api/v1/channels/${id}/lineup/items`, "POST", added);
      await page.getByText("Somebody else changed this lineup").first().waitFor();
      await shoot(page, "lineup-conflict");
      await expectAccessible(page);
      await page.getByRole("button", { name: "Put both together" }).click();
      await shows(page, titles(1, 2, 3));
      await save(page);
    },
    { allow: CONFLICT },
  );
  expect(await saved(id)).toEqual(titles(1, 2, 3));
});

test("thousands of items are drawn as far as they are seen", async () => {
  const { id, path } = await channel();
  const items = Array.from({ length: 5_000 }, (_, at) => ({ media: media[at % 9]?.id }));
  await server.ask(`/api/v1/channels/${id}/lineup`, "PUT", { items });
  await visit(server.url + path, async (page) => {
    await page.getByText(/^5,000 items/).waitFor();
    expect(await list(page).getByRole("option").count()).toBeLessThan(60);
    await list(page).focus();
    await page.keyboard.press("End");
    await list(page)
      .getByRole("option", { name: /^5000 / })
      .waitFor();
    expect(await list(page).getByRole("option").count()).toBeLessThan(60);
    await page.keyboard.press("Control+a");
    await page.getByText("5,000 chosen").waitFor();
    await page.keyboard.press("Delete");
    await page.getByText("Nothing here yet").waitFor();
    await page.getByRole("button", { name: /^Undo/ }).click();
    await page.getByText(/^5,000 items/).waitFor();
  });
});

test("on a phone the parts are tabs, and a finger moves items", async () => {
  const { id, path } = await channel(0, 1, 2);
  await visit(
    server.url + path,
    async (page) => {
      await shows(page, titles(0, 1, 2));
      await expectAccessible(page);
      await page.getByRole("tab", { name: "Library" }).click();
      await page.getByRole("button", { name: "Files" }).click();
      await shelf(page)
        .getByRole("option", { name: title(7) })
        .tap();
      await page.getByRole("button", { name: "Add" }).tap();
      await page.getByRole("tab", { name: "Tonight" }).click();
      await page.getByText("On now").waitFor();
      await shoot(page, "lineup-phone-tonight");
      await page.getByRole("tab", { name: "Lineup" }).click();
      await shows(page, titles(0, 1, 2, 7));

      // The grip is held and drawn up: touches, as the browser gets them.
      const grip = await list(page).getByRole("option").nth(3).locator("[data-grip]").boundingBox();
      const top = await list(page).getByRole("option").nth(0).boundingBox();
      if (!grip || !top) throw new Error("rows are not seen");
      const touch = await page.context().newCDPSession(page);
      const x = grip.x + grip.width / 2;
      const at = (y: number) => ({ touchPoints: [{ x, y }] });
      await touch.send("Input.dispatchTouchEvent", { type: "touchStart", ...at(grip.y + 20) });
      for (let y = grip.y; y > top.y; y -= 20)
        await touch.send("Input.dispatchTouchEvent", { type: "touchMove", ...at(y) });
      await touch.send("Input.dispatchTouchEvent", { type: "touchMove", ...at(top.y + 4) });
      await shoot(page, "lineup-phone-dragging");
      await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
      await shows(page, titles(7, 0, 1, 2));
      await page.getByText("Not saved").waitFor();
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText(/^Saved\. Seen/).waitFor();
      await until("the lineup", async () => `${await saved(id)}` === `${titles(7, 0, 1, 2)}`);
    },
    { size: "phone" },
  );
});

test("axe finds nothing serious, dark and light", async () => {
  const { path } = await channel(0, 1, 2, 7, 8);
  for (const size of ["desk", "phone"] as const) {
    for (const scheme of ["dark", "light"] as const) {
      await visit(
        server.url + path,
        async (page) => {
          const look = async (part: string) => {
            await expectAccessible(page);
            await shoot(page, `lineup-${size}-${scheme}-${part}`);
          };
          await shows(page, titles(0, 1, 2, 7, 8));
          if (size === "desk") await page.getByText("On now").waitFor();
          await list(page).getByRole("option").nth(1).click();
          await page.getByRole("button", { name: "Duplicate" }).click();
          await page.getByText("Not saved").waitFor();
          await look("edited");
          if (size === "desk") return;
          await page.getByRole("tab", { name: "Library" }).click();
          await shelf(page).getByRole("option").first().waitFor();
          await look("library");
          await page.getByRole("tab", { name: "Tonight" }).click();
          await page.getByText("On now").waitFor();
          await look("tonight");
        },
        { size, scheme },
      );
    }
  }
});
