import { createRawSnippet, flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import Screen from "./Screen.svelte";

const onpress = vi.fn();
let shown: ReturnType<typeof mount>;
beforeEach(() => {
  onpress.mockReset();
  const nothing = () => {};
  shown = mount(Screen, {
    target: document.body,
    props: {
      hue: 250,
      label: "Picture",
      shown: true,
      asleep: false,
      still: false,
      onwake: nothing,
      onpress,
      ownKeys: ["m"],
      ongesture: nothing,
      ondouble: nothing,
      children: createRawSnippet(() => ({ render: () => "<button><b>Sound on</b></button>" })),
    },
  });
  flushSync();
});
afterEach(() => unmount(shown));

function send(selector: string, event: Event) {
  document.querySelector(selector)?.dispatchEvent(event);
}
const click = () => new MouseEvent("click", { bubbles: true });
const key = (name: string) => new KeyboardEvent("keydown", { key: name, bubbles: true });

test("a press on the picture, and a key, free what the browser holds back", () => {
  send(".stage", click());
  send("section", key("i"));
  expect(onpress).toHaveBeenCalledTimes(2);
});

test("a finger that is put down is no press yet: browsers let nothing go by it", () => {
  send(".stage", new PointerEvent("pointerdown", { bubbles: true, pointerType: "touch" }));
  expect(onpress).not.toHaveBeenCalled();
});

test("a button, and a key of its own, find everything as they know it", () => {
  send("b", click());
  send("button", key("Enter"));
  send("section", key("m"));
  expect(onpress).not.toHaveBeenCalled();
});
