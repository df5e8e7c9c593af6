// Opens the welcome by itself where the server has nothing on it yet, once: whoever put it
// off finds it under its address.

import { api, call } from "@/api";
import { keep, kept } from "@/app/kept";
import { router } from "@/app/router.svelte";

const PUT_OFF = "welcome.putOff";

/** Called when the app starts, at whatever page. */
export async function openOnEmptyServer(): Promise<void> {
  if (router.path !== "/" || kept(PUT_OFF, false)) return;
  try {
    const one = { query: { limit: 1 } };
    const [folders, channels] = await Promise.all([
      call(api.listFolders(one)),
      call(api.listChannels(one)),
    ]);
    const isEmpty = folders.items.length === 0 && channels.items.length === 0;
    if (isEmpty && router.path === "/") await router.go("/welcome", { replace: true });
  } catch {
    // The page that is shown tells what is wrong.
  }
}

/** Not by itself again. */
export function putOff(): void {
  keep(PUT_OFF, true);
}
