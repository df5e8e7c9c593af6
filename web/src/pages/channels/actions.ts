// What can be done with a channel as a whole, from its card and from its own page. Tells
// by a toast what came of it.

import { api, type Channel, call } from "@/api";
import { router } from "@/app/router.svelte";
import { t } from "@/text";
import { confirm, toasts } from "@/ui";
import { fileName, saveFile } from "./lists";

/** Makes another with the same lineup. Null where that failed. */
export async function cloneChannel({ id }: Channel): Promise<Channel | null> {
  try {
    const made = await call(api.cloneChannel({ path: { channel: id }, body: {} }));
    toasts.say(t.channels.cloned(made.name, made.number), {
      kind: "good",
      action: { label: t.channels.openClone, run: () => void router.go(`/channels/${made.id}`) },
    });
    return made;
  } catch (thrown) {
    toasts.fault(thrown);
    return null;
  }
}

/** Saves it, or all channels, as a file. */
export async function exportChannels(channel?: Channel): Promise<void> {
  try {
    const query = channel === undefined ? {} : { channel: channel.id };
    saveFile(await call(api.exportChannels({ query })), fileName(channel));
  } catch (thrown) {
    toasts.fault(thrown);
  }
}

/**
 * Deletes it. Asked twice, since it takes its viewers' picture away at once and cannot be
 * undone. Whether it was deleted.
 */
export async function deleteChannel({ id, name }: Channel): Promise<boolean> {
  const text = t.channels.delete;
  const first = { title: text.title(name), text: text.text, yes: text.yes, bad: true };
  if (!(await confirm(first))) return false;
  const second = { title: text.again(name), text: text.cannot, yes: text.really(name), bad: true };
  if (!(await confirm(second))) return false;
  try {
    await call(api.deleteChannel({ path: { channel: id } }));
  } catch (thrown) {
    toasts.fault(thrown);
    return false;
  }
  toasts.say(t.channels.deleted(name), { kind: "good" });
  return true;
}
