import { expect, it, vi } from "vitest";
import type { Setting } from "@/api";
import { SettingsForm } from "./settings.svelte";

const server = vi.hoisted(() => ({ edit: vi.fn() }));
vi.mock("@/api", () => ({ api: { editSettings: server.edit }, call: (answer: unknown) => answer }));

function settings(filter: string, url: string): Setting[] {
  const text = { section: "server", kind: { type: "text" } };
  return [
    { ...text, key: "filter", value: filter },
    { ...text, key: "url", value: url },
  ] as unknown as Setting[];
}

it("keeps what is typed while it saves, and saves once at a time", async () => {
  const form = new SettingsForm();
  form.hear({ settings: settings("a", "a") } as never);
  form.set("server.filter", "b");
  let answer = () => {};
  server.edit.mockImplementation(
    () =>
      new Promise((done) => {
        answer = () => done({ effect: "none", settings: { settings: settings("b", "a") } });
      }),
  );
  const saving = form.save();
  form.set("server.filter", "bc");
  form.set("server.url", "d");
  expect(await form.save()).toBeNull();
  expect(server.edit).toHaveBeenCalledOnce();
  answer();
  await saving;
  expect([form.get("server.filter"), form.get("server.url")]).toEqual(["bc", "d"]);
  expect(form.touched).toBe(2);
});
