// Deleting a channel: asked twice, since it takes its viewers' picture away at once and
// cannot be undone.

import { api, type Channel, call } from "@/api";
import { t } from "@/text";
import { confirm, toasts } from "@/ui";

/** Whether it was deleted. */
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
