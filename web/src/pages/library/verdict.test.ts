import { expect, it } from "vitest";
import type { Media } from "@/api";
import { depth, verdict } from "./verdict";

function media(video: string, audio: string, picture: object | null, other: object = {}): Media {
  return {
    state: "ok",
    reason: null,
    quarantined_since: null,
    streams: {
      video: picture && { codec: "h264", pixel_format: "yuv420p", hdr: false, ...picture },
    },
    treatment: {
      plays_as_it_is: video === "copy" && audio === "copy",
      summary: "",
      settled: true,
      video: {
        action: video,
        reasons: video === "copy" ? [] : ["its groups of pictures are open"],
      },
      audio: { action: audio, reasons: audio === "copy" ? [] : ["AC-3 is not AAC-LC"] },
    },
    ...other,
  } as unknown as Media;
}

const line = (of: Media) => `${verdict(of).grade}: ${verdict(of).line}`;

it("says in one line what is done", () => {
  expect(line(media("copy", "copy", {}))).toBe("good: Plays as it is");
  expect(line(media("copy", "transcode", {}))).toBe("some: Sound is converted");
  expect(line(media("copy", "make", {}))).toBe("some: Silence is added");
  expect(line(media("make", "copy", null))).toBe("some: Sound alone: black is shown");
});

it("names what makes the work", () => {
  const hevc = { codec: "hevc", pixel_format: "yuv420p10le" };
  expect(line(media("transcode", "copy", hevc))).toBe("work: Must be transcoded: HEVC 10-bit");
  expect(line(media("transcode", "copy", { ...hevc, hdr: true }))).toBe(
    "work: Must be transcoded: HEVC 10-bit HDR",
  );
  expect(line(media("transcode", "copy", { codec: "mpeg4" }))).toBe(
    "work: Must be transcoded: MPEG-4 ASP",
  );
  expect(line(media("transcode", "copy", {}))).toBe(
    "work: Must be transcoded: its groups of pictures are open",
  );
});

it("says what is wrong before anything else", () => {
  const gone = media("copy", "copy", {}, { state: "missing", reason: "its file is gone" });
  expect(verdict(gone)).toEqual({
    grade: "none",
    line: "Its file is gone",
    why: ["its file is gone"],
  });
  const aside = {
    state: "unplayable",
    reason: "crashed",
    quarantined_since: "2026-01-01T00:00:00Z",
  };
  expect(line(media("copy", "copy", {}, aside))).toBe("none: Put aside: it failed on the air");
  expect(line(media("copy", "copy", {}, { treatment: null }))).toBe("unknown: Not read yet");
});

it("does not call work what is not known yet", () => {
  const waiting = media("transcode", "transcode", {});
  const unsettled = {
    ...waiting,
    treatment: { ...waiting.treatment, settled: false },
  } as Media;
  expect(line(unsettled)).toBe("unknown: Not known yet");
  expect(verdict(unsettled).why[0]).toBe("Picture: its groups of pictures are open");
  expect(verdict(unsettled).why.join(" ")).not.toContain("AC-3");
});

it("reads the bits a colour from FFmpeg's names", () => {
  expect(["yuv420p", "yuv420p10le", "yuv444p12be", "gray", null].map(depth)).toEqual([
    8, 10, 12, 8, 8,
  ]);
});
