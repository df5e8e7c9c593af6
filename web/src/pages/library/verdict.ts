// What Aerial does with a file, in one line. Owns which of the facts makes the line; the
// facts, and the reasons in full, are the server's.

import type { Media } from "@/api";
import { t } from "@/text";

export interface Verdict {
  /** How good it is: sent as it is, some work, all of it is work, not known, or not at all. */
  grade: "good" | "some" | "work" | "unknown" | "none";
  line: string;
  /** The reasons in full, for picture and sound. */
  why: string[];
}

type Told = Pick<Media, "state" | "reason" | "quarantined_since" | "streams" | "treatment">;

/** FFmpeg's names, as people know them. */
const NAMES: Record<string, string> = {
  aac: "AAC",
  ac3: "AC-3",
  ass: "ASS",
  av1: "AV1",
  dts: "DTS",
  dvd_subtitle: "DVD",
  eac3: "E-AC-3",
  flac: "FLAC",
  h264: "H.264",
  hdmv_pgs_subtitle: "PGS",
  hevc: "HEVC",
  mjpeg: "Motion JPEG",
  mov_text: "Timed text",
  mp2: "MP2",
  mp3: "MP3",
  mpeg2video: "MPEG-2",
  mpeg4: "MPEG-4 ASP",
  opus: "Opus",
  prores: "ProRes",
  subrip: "SubRip",
  theora: "Theora",
  truehd: "TrueHD",
  vc1: "VC-1",
  vorbis: "Vorbis",
  vp8: "VP8",
  vp9: "VP9",
  webvtt: "WebVTT",
  wmv3: "WMV 9",
};

export function codecName(codec: string): string {
  return NAMES[codec] ?? codec;
}

/** Bits a colour, of FFmpeg's pixel format. */
export function depth(pixelFormat: string | null): number {
  const found = /p(9|10|12|14|16)(?:le|be)?$/.exec(pixelFormat ?? "")?.[1];
  return found === undefined ? 8 : Number(found);
}

/** `HEVC 10-bit HDR`. */
export function pictureName(video: NonNullable<NonNullable<Media["streams"]>["video"]>): string {
  const bits = depth(video.pixel_format);
  return [
    codecName(video.codec),
    bits > 8 ? t.library.verdict.bits(bits) : "",
    video.hdr ? "HDR" : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

export function verdict(media: Told): Verdict {
  const text = t.library.verdict;
  if (media.state !== "ok") {
    const line =
      media.quarantined_since !== null
        ? text.aside
        : media.state === "missing"
          ? text.missing
          : text.unplayable;
    return { grade: "none", line, why: media.reason === null ? [] : [media.reason] };
  }
  const { treatment, streams } = media;
  if (treatment === null) return { grade: "unknown", line: text.unread, why: [] };
  if (!treatment.settled) {
    const why = [...treatment.video.reasons.map(text.picture), text.unsettledWhy];
    return { grade: "unknown", line: text.unsettled, why };
  }
  const { video, audio } = treatment;
  const why = [
    ...(video.action === "copy" ? [] : video.reasons.map(text.picture)),
    ...(audio.action === "copy" ? [] : audio.reasons.map(text.sound)),
  ];
  if (treatment.plays_as_it_is) return { grade: "good", line: text.asIs, why };
  if (video.action === "make") return { grade: "some", line: text.noPicture, why };
  if (video.action === "copy") {
    const line = audio.action === "make" ? text.silent : text.soundConverted;
    return { grade: "some", line, why };
  }
  const picture = streams?.video ?? null;
  const odd = picture !== null && (picture.codec !== "h264" || depth(picture.pixel_format) > 8);
  const reason = odd ? pictureName(picture) : (video.reasons[0] ?? "");
  return { grade: "work", line: text.transcoded(reason), why };
}
