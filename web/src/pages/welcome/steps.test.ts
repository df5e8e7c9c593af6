import { expect, test } from "vitest";
import { after, before, type Facts, firstOpen, resumed, steps } from "./steps";

const empty: Facts = { needsAccount: false, folders: 0, scanning: false, channels: 0 };

test("the account is asked for only where there is none", () => {
  expect(steps(empty)).toEqual(["folder", "scan", "channels", "picture"]);
  expect(steps({ needsAccount: true })[0]).toBe("account");
});

test("it begins at the first question that has no answer", () => {
  expect(firstOpen({ ...empty, needsAccount: true })).toBe("account");
  expect(firstOpen(empty)).toBe("folder");
  expect(firstOpen({ ...empty, folders: 1, scanning: true })).toBe("scan");
  expect(firstOpen({ ...empty, folders: 1 })).toBe("scan");
  expect(firstOpen({ ...empty, folders: 1, channels: 3 })).toBe("channels");
  expect(firstOpen({ ...empty, folders: 1, channels: 3, scanning: true })).toBe("scan");
});

test("who comes back goes on where they were, but not past an open question", () => {
  const ready = { ...empty, folders: 1, channels: 3 };
  expect(resumed("picture", ready)).toBe("picture");
  expect(resumed("folder", ready)).toBe("folder");
  expect(resumed("picture", empty)).toBe("folder");
  expect(resumed("account", ready)).toBe("channels");
  expect(resumed("nonsense", empty)).toBe("folder");
  expect(resumed(null, ready)).toBe("channels");
});

test("one goes on and back by one", () => {
  const all = steps(empty);
  expect(after("folder", all)).toBe("scan");
  expect(after("picture", all)).toBeNull();
  expect(before("folder", all)).toBeNull();
  expect(before("picture", all)).toBe("channels");
});
