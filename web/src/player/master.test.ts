import { afterEach, expect, test, vi } from "vitest";
import { clientIn, enter, refused, renditionOf, renditions } from "./master";

const MASTER = `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1920x1080
../0190-aa/source.m3u8?client=7-rs-5
#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=1280x720
../0190-aa/720p.m3u8?client=7-rs-5
`;
const BASE = "http://aerial.test/tv/stream/5/master.m3u8";

afterEach(() => vi.unstubAllGlobals());

function answers(response: Response | Error) {
  vi.stubGlobal("fetch", () =>
    response instanceof Error ? Promise.reject(response) : Promise.resolve(response),
  );
  return enter(BASE, new AbortController().signal);
}

test("the viewer's id and the renditions are read from it", () => {
  expect(clientIn(MASTER, BASE)).toBe("7-rs-5");
  expect(renditions(MASTER, BASE).map(renditionOf)).toEqual(["source", "720p"]);
  expect(renditions(MASTER, BASE)[0]).toBe(
    "http://aerial.test/tv/stream/0190-aa/source.m3u8?client=7-rs-5",
  );
  expect(clientIn("#EXTM3U\n", BASE)).toBeNull();
});

test("an open door", async () => {
  expect(await answers(new Response(MASTER))).toMatchObject({ kind: "open", client: "7-rs-5" });
});

test("a full machine says in its own words when to come again", async () => {
  const problem = JSON.stringify({ detail: "2 at once is what this machine can encode" });
  const response = new Response(problem, { status: 503, headers: { "retry-after": "30" } });
  expect(await answers(response)).toEqual({
    kind: "full",
    words: "2 at once is what this machine can encode",
    againMs: 30_000,
  });
});

test("who is going down is away, as is who does not answer", async () => {
  expect(await answers(new Response("", { status: 503 }))).toEqual({ kind: "away" });
  expect(await answers(new Response("", { status: 502 }))).toEqual({ kind: "away" });
  expect(await answers(new TypeError("failed to fetch"))).toEqual({ kind: "away" });
});

test("an unknown channel is gone, and what should work but does not has failed", async () => {
  expect(await answers(new Response("{}", { status: 404 }))).toMatchObject({ kind: "gone" });
  expect(refused(401, new Headers(), "")).toEqual({ kind: "signed-out" });
  expect(refused(500, new Headers(), "the catalogue is broken")).toEqual({
    kind: "failed",
    words: "the catalogue is broken",
  });
});
