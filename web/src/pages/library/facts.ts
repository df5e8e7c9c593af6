// What is in a file, as rows for people. Owns the words for numbers of streams.

import type { Media } from "@/api";
import { language, t } from "@/text";
import { codecName, depth } from "./verdict";

type Streams = NonNullable<Media["streams"]>;

export interface Row {
  kind: string;
  codec: string;
  detail: string;
  language: string;
  /** What is done with it; empty where nothing is known. */
  done: string;
}

let names: Intl.DisplayNames | undefined;

/** `German` of `ger`. */
export function languageName(code: string | null): string {
  if (code === null || code === "und") return "";
  try {
    names ??= new Intl.DisplayNames([language], { type: "language" });
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}

/** `23.976` of `24000/1001`. */
export function rate(fraction: string | null): string {
  const [over, under = 1] = (fraction ?? "").split("/").map(Number);
  if (over === undefined || !(over > 0) || !(under > 0)) return "";
  return `${Math.round((over / under) * 1_000) / 1_000}`;
}

/** What is done with a stream; `make` is known without an index. */
function done(treatment: Media["treatment"], of: "video" | "audio"): string {
  const text = t.library.streams;
  if (treatment === null) return "";
  const { action } = treatment[of];
  return treatment.settled || action === "make" ? text.done[action] : text.unsettled;
}

export function rows(streams: Streams, treatment: Media["treatment"]): Row[] {
  const text = t.library.streams;
  const all: Row[] = [];
  const { video } = streams;
  if (video) {
    const bits = depth(video.pixel_format);
    const fps = rate(video.frame_rate);
    const detail = [
      `${video.width} × ${video.height}`,
      fps === "" ? "" : text.fps(fps),
      bits > 8 ? t.library.verdict.bits(bits) : "",
      video.hdr ? "HDR" : "",
      video.field_order.endsWith("_first") ? text.interlaced : "",
      video.rotation === 0 ? "" : text.turned(video.rotation),
      video.kbps === null ? "" : text.kbps(video.kbps),
    ];
    all.push({
      kind: text.video,
      codec: [codecName(video.codec), video.profile].filter(Boolean).join(" "),
      detail: detail.filter((part) => part !== "").join(" · "),
      language: languageName(video.language),
      done: done(treatment, "video"),
    });
  }
  streams.audio.forEach((audio, index) => {
    all.push({
      kind: text.audio,
      codec: [codecName(audio.codec), audio.profile].filter(Boolean).join(" "),
      detail: [audio.layout ?? text.channels(audio.channels), text.hertz(audio.sample_rate)].join(
        " · ",
      ),
      language: languageName(audio.language),
      done: index === 0 || treatment === null ? done(treatment, "audio") : text.notAired,
    });
  });
  for (const subtitle of streams.subtitles) {
    all.push({
      kind: text.subtitles,
      codec: codecName(subtitle.codec),
      detail: "",
      language: languageName(subtitle.language),
      done: "",
    });
  }
  return all;
}

/** `1.4 GB`. */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let [value, unit] = [count, 0];
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: units[unit] as string,
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}
