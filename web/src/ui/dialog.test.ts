// What becomes of the focus, and of a press, as far as it can be told without a browser.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test } from "vitest";
import Confirm from "./Confirm.svelte";
import { asked, confirm } from "./confirm.svelte";

let opener: HTMLButtonElement;
let shown: ReturnType<typeof mount>;
beforeEach(() => {
  opener = document.createElement("button");
  document.body.append(opener);
  opener.focus();
  shown = mount(Confirm, { target: document.body });
});
afterEach(async () => {
  await unmount(shown);
  document.body.replaceChildren();
});

function ask() {
  const answer = confirm({ title: "Delete it?", text: "It is gone then.", yes: "Delete it" });
  flushSync();
  return { answer, dialog: document.querySelector("dialog") as HTMLDialogElement };
}

test("a question that was answered gives the focus back", async () => {
  const { answer, dialog } = ask();
  dialog.querySelector("button")?.focus();
  asked.answer(true);
  flushSync();
  expect(await answer).toBe(true);
  expect(document.querySelector("dialog")).toBeNull();
  expect(document.activeElement).toBe(opener);
});

test("who has put the focus elsewhere keeps it there", () => {
  const { dialog } = ask();
  dialog.querySelector("button")?.focus();
  const other = document.createElement("input");
  document.body.append(other);
  other.focus();
  asked.answer(true);
  flushSync();
  expect(document.activeElement).toBe(other);
});

test("a press closes it that began beside it, not one that began in it", () => {
  const { dialog } = ask();
  const press = (from: Element) => {
    from.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    dialog.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    flushSync();
  };
  press(dialog.querySelector("p") as Element);
  expect(dialog.open).toBe(true);
  press(dialog);
  expect(dialog.open).toBe(false);
});
