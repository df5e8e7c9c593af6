import { expect, it } from "vitest";
import type { Media } from "@/api";
import { bytes, languageName, rate, rows } from "./facts";

it("writes rates and sizes as people do", () => {
  expect([rate("24000/1001"), rate("25/1"), rate("25"), rate(null), rate("0/0")]).toEqual([
    "23.976",
    "25",
    "25",
    "",
    "",
  ]);
  expect([bytes(900), bytes(1_440), bytes(25_300_000), bytes(4_700_000_000)]).toEqual([
    "900 byte",
    "1.4 kB",
    "25 MB",
    "4.7 GB",
  ]);
});

it("names languages, and leaves unknown ones as they are", () => {
  expect([languageName("de"), languageName("und"), languageName(null), languageName("?!")]).toEqual(
    ["German", "", "", "?!"],
  );
});

it("tells each stream and what is done with it", () => {
  const streams = {
    container: "matroska,webm",
    video: {
      codec: "hevc",
      profile: "Main 10",
      pixel_format: "yuv420p10le",
      width: 1920,
      height: 1080,
      pixel_aspect: "1:1",
      frame_rate: "25/1",
      field_order: "top_first",
      hdr: false,
      rotation: 0,
      kbps: null,
      language: null,
    },
    audio: [
      {
        codec: "ac3",
        profile: null,
        sample_rate: 48_000,
        channels: 6,
        layout: "5.1",
        language: "fr",
      },
      {
        codec: "aac",
        profile: "LC",
        sample_rate: 44_100,
        channels: 2,
        layout: null,
        language: null,
      },
    ],
    subtitles: [{ codec: "subrip", language: "en" }],
    chapters: [],
  } as NonNullable<Media["streams"]>;
  const treatment = {
    settled: true,
    video: { action: "transcode" },
    audio: { action: "copy" },
  } as Media["treatment"];
  expect(rows(streams, treatment)).toEqual([
    {
      kind: "Picture",
      codec: "HEVC Main 10",
      detail: "1920 × 1080 · 25 fps · 10-bit · interlaced",
      language: "",
      done: "transcoded",
    },
    {
      kind: "Sound",
      codec: "AC-3",
      detail: "5.1 · 48,000 Hz",
      language: "French",
      done: "sent as it is",
    },
    {
      kind: "Sound",
      codec: "AAC LC",
      detail: "2 channels · 44,100 Hz",
      language: "",
      done: "not aired",
    },
    { kind: "Subtitles", codec: "SubRip", detail: "", language: "English", done: "" },
  ]);
  const done = (treatment: object | null) =>
    rows(streams, treatment as Media["treatment"]).map((row) => row.done);
  expect(done({ ...treatment, settled: false })).toEqual([
    "not known yet",
    "not known yet",
    "not aired",
    "",
  ]);
  const silent = { ...treatment, settled: false, audio: { action: "make" } };
  expect(done(silent).slice(0, 2)).toEqual(["not known yet", "made"]);
  expect(done(null)).toEqual(["", "", "", ""]);
});
