import { beforeEach, describe, expect, it, vi } from "vitest";
import { Shelf } from "./shelf.svelte";

const asked = vi.hoisted(() => vi.fn());
vi.mock("@/api", () => ({
  api: { listMedia: asked, listShows: asked },
  call: (answer: unknown) => answer,
}));

/** As many files as the server has, and the names of those that are newest. */
let files: string[];

/** A page from a cursor on, as the server gives it. */
function page({ query }: { query: { cursor?: string; limit: number } }) {
  const from = Number(query.cursor ?? 0);
  const to = from + query.limit;
  const items = files.slice(from, to).map((id) => ({ id, title: id, state: "ok" }));
  return Promise.resolve({ items, next: to < files.length ? String(to) : null });
}

let shelf: Shelf;
beforeEach(async () => {
  files = Array.from({ length: 700 }, (_, n) => `file ${n}`);
  asked.mockReset().mockImplementation(page);
  shelf = new Shelf();
  shelf.kind = "files";
  await shelf.refresh();
});

const keys = () => shelf.rows.map(({ key }) => key);

it("keeps all that is here when something changed, and shows it at once", async () => {
  await shelf.more();
  expect(shelf.rows).toHaveLength(400);
  const before = shelf.rows;
  files = ["new", ...files.filter((file) => file !== "file 5")];
  const done = shelf.again();
  await Promise.resolve();
  expect(shelf.rows).toBe(before);
  await done;
  expect(keys()).toEqual(files.slice(0, 400));
  await shelf.more();
  expect(keys()).toEqual(files.slice(0, 600));
});

it("reads on to the last row that was here", async () => {
  files = ["new", ...files];
  await shelf.again();
  expect(keys()).toContain("file 199");
  expect(shelf.rows).toHaveLength(400);
  // What is gone is not looked for without end.
  files = files.filter((file) => file !== "file 398");
  await shelf.again();
  expect(shelf.rows).toHaveLength(600);
});

it("begins anew for another search", async () => {
  await shelf.more();
  shelf.search = "7";
  await shelf.refresh();
  expect(shelf.rows).toHaveLength(200);
  expect(asked.mock.lastCall?.[0].query).toMatchObject({ q: "7" });
});

it("looks once more where something changed while it read", async () => {
  const answers: (() => void)[] = [];
  asked.mockImplementation(
    (options) => new Promise((answer) => answers.push(() => answer(page(options)))),
  );
  const first = shelf.again();
  await shelf.again();
  await shelf.again();
  expect(answers).toHaveLength(1);
  answers[0]?.();
  await first;
  expect(answers).toHaveLength(2);
});

describe("shows", () => {
  /** As many shows as the server has; it does not search them. */
  function shows(names: string[]) {
    asked.mockImplementation(({ query }: { query: { cursor?: string; limit: number } }) => {
      const from = Number(query.cursor ?? 0);
      const to = from + query.limit;
      const items = names.slice(from, to).map((show) => ({ show, episodes: 1, length_ms: 1 }));
      return Promise.resolve({ items, next: to < names.length ? String(to) : null });
    });
    shelf.kind = "shows";
  }
  const names = Array.from({ length: 1_700 }, (_, n) => `show ${n}`);

  it("are found that are far down", async () => {
    shows(names);
    shelf.search = "show 1204";
    await shelf.refresh();
    expect(keys()).toEqual(["show show 1204"]);
  });

  it("are found behind pages that have none", async () => {
    shows(names.map((name, at) => (at === 3 || at > 1_600 ? `found ${at}` : name)));
    shelf.search = "found";
    await shelf.refresh();
    expect(keys()).toEqual(["show found 3"]);
    await shelf.more();
    expect(keys()).toHaveLength(100);
  });
});
