import { beforeEach, expect, it } from "vitest";
import { forgetDraft, keepDraft, recallDraft } from "./drafts";

const saved = { name: "Robots", group: "", ladder: ["720p"], loop: true };

beforeEach(() => localStorage.clear());

it("brings back what was typed", () => {
  const typed = { ...saved, name: "Robot Hour", ladder: ["720p", "480p"] };
  keepDraft("channel.1", typed, saved);
  expect(recallDraft("channel.1", saved)).toEqual(typed);
  expect(recallDraft("channel.2", saved)).toBeNull();
});

it("leaves alone what was not typed and is something else by now", () => {
  keepDraft("channel.1", { ...saved, group: "Kids" }, saved);
  const now = { ...saved, name: "Machines", loop: false };
  expect(recallDraft("channel.1", now)).toEqual({ ...now, group: "Kids" });
});

it("has nothing where nothing differs, any more or from the start", () => {
  keepDraft("channel.1", { ...saved, name: "Machines" }, saved);
  expect(recallDraft("channel.1", { ...saved, name: "Machines" })).toBeNull();
  keepDraft("channel.1", { ...saved }, saved);
  expect(recallDraft("channel.1", saved)).toBeNull();
  keepDraft("channel.1", { ...saved, name: "x" }, saved);
  forgetDraft("channel.1");
  expect(recallDraft("channel.1", saved)).toBeNull();
});

it("takes nothing that is of another shape", () => {
  const odd = { ...saved, ladder: "720p", loop: "yes", extra: 1 } as unknown as typeof saved;
  keepDraft("channel.1", odd, saved);
  expect(recallDraft("channel.1", saved)).toBeNull();
  localStorage.setItem("aerial.draft.channel.1", '"text"');
  expect(recallDraft("channel.1", saved)).toBeNull();
});
