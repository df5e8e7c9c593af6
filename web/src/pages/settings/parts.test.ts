import { expect, test } from "vitest";
import { PARTS, settingsOf } from "./parts";

test("each setting stands in one part, and a new one under the server's", () => {
  const all = ["stream.grace", "log.filter", "new.one", "library.folders", "library.watch"];
  const shown = PARTS.flatMap((part) => settingsOf(part, all));
  expect(shown.sort()).toEqual(["library.watch", "log.filter", "new.one", "stream.grace"]);
  expect(settingsOf("server", all)).toEqual(["log.filter", "new.one"]);
  expect(settingsOf("about", all)).toEqual([]);
});
