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
    const { items } = await call(api.listChannels({ query: { limit: 1 } }));
    if (items.length > 0) return;
    // Whoever may not change anything is not asked where the films are.
    const { scope, set_up } = await call(api.getSession());
    const isEmpty =
      scope === "manage" ? (await call(api.getAddresses())).first_run : set_up !== null;
    if (isEmpty && router.path === "/") await router.go("/welcome", { replace: true });
  } catch {
    // The page that is shown tells what is wrong.
  }
}

/** Not by itself again. */
export function putOff(): void {
  keep(PUT_OFF, true);
}
