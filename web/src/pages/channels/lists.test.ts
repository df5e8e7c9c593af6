import { expect, it } from "vitest";
import { fileName, namesIn, placeIn } from "./lists";

it("calls a file by its channel", () => {
  expect(fileName({ number: "5.1", name: "Night & Day!" })).toBe("5.1-Night-Day.json");
  expect(fileName({ number: "7", name: "Über / 日本" })).toBe("7-Über-日本.json");
  expect(fileName({ number: "7", name: "???" })).toBe("7.json");
  expect(fileName()).toBe("aerial-channels.json");
});

it("knows the names in a file, whatever it is", () => {
  const list = { channels: [{ number: "5", name: "Robots" }, { number: 7 }, null, "odd"] };
  expect(namesIn(list)).toEqual(["5 Robots", "7", "", ""]);
  for (const odd of [null, [], 5, { channels: 5 }]) expect(namesIn(odd)).toEqual([]);
});

it("tells where in a file something is wrong", () => {
  const names = ["5 Robots", ""];
  expect(placeIn("channels[0].items[3]", names)).toBe("5 Robots, item 4");
  expect(placeIn("channels[0].items[3].show", names)).toBe("5 Robots, item 4, show");
  expect(placeIn("channels[1].number", names)).toBe("Channel 2 of the file, number");
  expect(placeIn("channels", names)).toBe("channels");
});
