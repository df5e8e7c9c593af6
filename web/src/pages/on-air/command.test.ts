import { expect, test } from "vitest";
import { shellWords } from "./command";

test("what a shell would take apart is put in quotes", () => {
  expect(
    shellWords(["/usr/bin/ffmpeg", "-i", "/films/It's here.mkv", "-vf", "scale=1280:720"]),
  ).toBe(`/usr/bin/ffmpeg -i '/films/It'\\''s here.mkv' -vf scale=1280:720`);
  expect(shellWords(["echo", "", "$HOME"])).toBe("echo '' '$HOME'");
});
