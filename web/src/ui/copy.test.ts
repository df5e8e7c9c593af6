import { afterEach, expect, test, vi } from "vitest";
import { t } from "@/text";
import { copy } from "./copy";
import { toasts } from "./toasts.svelte";

afterEach(() => vi.unstubAllGlobals());

test("without a clipboard what was meant is marked, and the keys for it are told", async () => {
  vi.stubGlobal("navigator", {});
  const say = vi.spyOn(toasts, "say");
  const shown = document.createElement("pre");
  shown.textContent = "ffmpeg -i a.mkv";
  document.body.append(shown);
  await copy("ffmpeg -i a.mkv", shown);
  expect(String(getSelection())).toBe("ffmpeg -i a.mkv");
  expect(say).toHaveBeenLastCalledWith(t.shell.marked);
});

test("with one it is copied", async () => {
  const writeText = vi.fn();
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  const say = vi.spyOn(toasts, "say");
  await copy("a", undefined);
  expect(writeText).toHaveBeenCalledWith("a");
  expect(say.mock.lastCall?.[0]).toBe(t.shell.copied);
});
