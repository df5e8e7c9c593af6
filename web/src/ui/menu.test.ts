// What closes a menu, and where the focus is then.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import Menu from "./Menu.svelte";

let shown: ReturnType<typeof mount>;
let beside: HTMLButtonElement;
beforeEach(() => {
  beside = document.createElement("button");
  document.body.append(beside);
  const items = [{ label: "720p", run: () => {} }];
  shown = mount(Menu, { target: document.body, props: { items } });
  flushSync();
});
afterEach(async () => {
  await unmount(shown);
  document.body.replaceChildren();
});

const opener = () => document.querySelector<HTMLButtonElement>(".opener") as HTMLButtonElement;
const list = () => document.querySelector('[role="menu"]');

async function opened() {
  opener().click();
  await vi.waitFor(() => expect(list()?.contains(document.activeElement)).toBe(true));
}

test.each(["Escape", "GoBack", "BrowserBack", "Backspace"])("%s closes it", async (key) => {
  opener().focus();
  await opened();
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  document.activeElement?.dispatchEvent(event);
  flushSync();
  expect([list(), event.defaultPrevented]).toEqual([null, true]);
  expect(document.activeElement).toBe(opener());
});

test("a focus that goes elsewhere closes it, and stays there", async () => {
  await opened();
  beside.focus();
  flushSync();
  expect(list()).toBeNull();
  expect(document.activeElement).toBe(beside);
});

test("what had the focus before a key opened it has it again, and only then", async () => {
  beside.focus();
  await opened();
  const event = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
  document.activeElement?.dispatchEvent(event);
  expect(document.activeElement).toBe(beside);
  opener().focus();
  expect(document.activeElement).toBe(opener());
});
