// What the window shows of a file, as far as it can be told without a browser.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import ImportDialog from "./ImportDialog.svelte";

const server = vi.hoisted(() => ({ read: vi.fn() }));
vi.mock("@/api", () => ({
  api: { importChannels: server.read },
  call: (answer: unknown) => answer,
  large: {},
}));
vi.mock("@/api/problem", () => ({ problemOf: (thrown: unknown) => thrown }));

let shown: ReturnType<typeof mount>;
beforeEach(() => {
  shown = mount(ImportDialog, { target: document.body, props: { open: true } });
  flushSync();
});
afterEach(() => unmount(shown));

function choose(channel: string): void {
  const input = document.querySelector<HTMLInputElement>("input[type=file]") as HTMLInputElement;
  const list = JSON.stringify({ channels: [{ number: channel, name: channel }] });
  const files = [new File([list], `${channel}.json`)];
  Object.defineProperty(input, "files", { value: files, configurable: true });
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

test("the answer to a file that was chosen before changes nothing", async () => {
  const answers: (() => void)[] = [];
  server.read.mockImplementation(({ body }) => {
    const channels = [{ number: body.channels[0].number, done: "added", left_out: [] }];
    return new Promise((done) => answers.push(() => done({ channels })));
  });
  for (const [at, name] of ["First", "Second"].entries()) {
    choose(name);
    await vi.waitFor(() => expect(answers).toHaveLength(at + 1));
  }
  answers[1]?.();
  await vi.waitFor(() => expect(document.querySelector(".would")).not.toBeNull());
  answers[0]?.();
  await new Promise((done) => setTimeout(done));
  flushSync();
  expect(document.querySelector(".would")?.textContent).toContain("Second");
});
