// Channels as a file: how it is called, and what people are told of one that is read. The
// file's content is the server's business.

import type { Channel, ChannelList } from "@/api";
import { t } from "@/text";

/** The file's name: of one channel, or of all. */
export function fileName(channel?: Pick<Channel, "number" | "name">): string {
  if (channel === undefined) return "aerial-channels.json";
  const name = channel.name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return `${[channel.number, name].filter((part) => part !== "").join("-")}.json`;
}

/** Has the browser save a list of channels. */
export function saveFile(list: ChannelList, name: string): void {
  const content = new Blob([`${JSON.stringify(list, null, 2)}\n`], { type: "application/json" });
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** What the channels of a file are called, in its order; the server checks the file. */
export function namesIn(list: unknown): string[] {
  const channels = (list as { channels?: unknown } | null)?.channels;
  if (!Array.isArray(channels)) return [];
  return channels.map((one) => {
    const { number, name } = (one ?? {}) as { number?: unknown; name?: unknown };
    return [number, name].filter((part) => part !== undefined && part !== null).join(" ");
  });
}

/** Where in a file something is wrong, for people, of `channels[0].items[3].show`. */
export function placeIn(path: string, names: readonly string[]): string {
  const found = /^channels\[(\d+)\](?:\.items\[(\d+)\])?(?:\.(.+))?$/.exec(path);
  if (found === null) return path;
  const [, channel, item, field] = found;
  const name = names[Number(channel)] ?? "";
  const of = t.channels.import.of;
  return [
    name === "" ? of.channel(Number(channel) + 1) : name,
    item === undefined ? "" : of.item(Number(item) + 1),
    field ?? "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}
