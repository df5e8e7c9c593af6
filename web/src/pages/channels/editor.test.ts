import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Editor } from "./editor.svelte";
import type { What } from "./items";
import { recall } from "./kept";

/** A server that has one lineup. */
const server = vi.hoisted(() => ({ get: vi.fn(), put: vi.fn() }));
vi.mock("@/api", () => ({
  api: { getLineup: server.get, putLineup: server.put, preview: () => ({ items: [] }) },
  call: (answer: unknown) => answer,
  clock: { ms: 5 },
  large: {},
  reach: { isAway: false },
}));
vi.mock("@/api/problem", () => ({ problemOf: (thrown: unknown) => thrown }));

let lineup: { id: string; media: string; show: null }[];
let revision: number;

function take({ body }: { body: { items: { id?: string; media: string }[] } }) {
  revision += 1;
  lineup = body.items.map(({ id, media }, at) => ({
    id: id ?? `id-${revision}-${at}`,
    media,
    show: null,
  }));
  return { takes_effect_at: null };
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  [lineup, revision] = [[{ id: "a", media: "media-a", show: null }], 1];
  server.get.mockReset().mockImplementation(async () => ({
    items: lineup.map((item) => ({ ...item, title: item.media, state: "ok", length_ms: 1_000 })),
    revision: `${revision}`,
    next: null,
  }));
  server.put.mockReset().mockImplementation(async (options) => take(options));
});
afterEach(() => vi.useRealTimers());

const film = (name: string): What => ({
  media: `media-${name}`,
  show: null,
  title: name,
  part: "",
  length_ms: 1_000,
  episodes: null,
  state: "ok",
});

const LOST = { status: 0, fields: {} };
const draft = () => recall(localStorage, "5");
const media = (editor: Editor) => editor.items.map((item) => item.media);

async function opened(...add: string[]): Promise<Editor> {
  const editor = new Editor("5");
  await editor.open();
  if (add.length > 0) editor.add(add.map(film), 1);
  await vi.advanceTimersByTimeAsync(1_000);
  return editor;
}

it("keeps nothing of what was saved after the page was left", async () => {
  const editor = await opened("b");
  expect(draft()?.items).toHaveLength(2);
  const saving = editor.save();
  editor.end();
  await saving;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(draft()).toBeNull();
  const back = await opened();
  expect([back.broughtBack, back.conflict, back.isChanged]).toEqual([null, null, false]);
});

it("leaves alone what was arranged since, by who came back", async () => {
  const editor = await opened("b");
  let answer = () => {};
  server.put.mockImplementation(
    (options) =>
      new Promise((done) => {
        answer = () => done(take(options));
      }),
  );
  const saving = editor.save();
  await vi.advanceTimersByTimeAsync(0);
  editor.end();
  const back = await opened("c");
  expect(media(back)).toEqual(["media-a", "media-c", "media-b"]);
  answer();
  await saving;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(draft()?.items).toHaveLength(3);
});

/** It is saved, and nobody hears of it. */
function loseTheAnswer() {
  server.put.mockImplementationOnce(async (options) => {
    take(options);
    throw LOST;
  });
}

it("knows its own save again whose answer was lost", async () => {
  const editor = await opened("b");
  loseTheAnswer();
  await editor.save();
  expect(editor.refused).toBe(LOST);
  await editor.look();
  expect([editor.conflict, editor.refused, editor.isChanged]).toEqual([null, null, false]);
  expect(editor.items.map(({ id }) => id)).toEqual(lineup.map(({ id }) => id));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(draft()).toBeNull();
});

it("knows it also after the page was loaded anew", async () => {
  const editor = await opened("b");
  loseTheAnswer();
  await editor.save();
  editor.end();
  const back = await opened();
  expect([back.broughtBack, back.conflict, back.isChanged]).toEqual([null, null, false]);
  expect(media(back)).toEqual(["media-a", "media-b"]);
  expect(draft()).toBeNull();
});

it("still meets what somebody else did", async () => {
  const editor = await opened("b");
  take({ body: { items: [{ id: "a", media: "media-a" }, { media: "media-z" }] } });
  await editor.look();
  expect(editor.conflict?.edit.added).toBe(1);
  editor.settle("both");
  expect(media(editor).sort()).toEqual(["media-a", "media-b", "media-z"]);
});

/** The next reading is answered with what was there when it began, once it is let. */
function heldReading(): () => void {
  const usual = server.get.getMockImplementation() as () => Promise<unknown>;
  let answer = () => {};
  server.get.mockImplementationOnce(() => {
    const told = usual();
    return new Promise((done) => {
      answer = () => done(told);
    });
  });
  return () => answer();
}

it("takes nothing back from a reading that began before its save", async () => {
  const editor = await opened("b");
  const answer = heldReading();
  const looking = editor.look();
  await editor.save();
  expect(media(editor)).toEqual(["media-a", "media-b"]);
  answer();
  await looking;
  await vi.advanceTimersByTimeAsync(0);
  expect(media(editor)).toEqual(["media-a", "media-b"]);
  expect([editor.isChanged, editor.saved?.revision]).toEqual([false, "2"]);
});

it("looks once more where something changed while it was saved", async () => {
  const editor = await opened("b");
  const answer = heldReading();
  const saving = editor.save();
  await vi.advanceTimersByTimeAsync(0);
  // Its own save is read when somebody else adds something.
  take({ body: { items: [...lineup, { media: "media-z" }] } });
  await editor.look();
  answer();
  await saving;
  await vi.advanceTimersByTimeAsync(0);
  expect(media(editor)).toEqual(["media-a", "media-b", "media-z"]);
});
