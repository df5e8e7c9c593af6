// The settings: encoders tested again, folders added, the addresses for TV apps, and every
// part on a phone.

import { afterAll, beforeAll, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { Server } from "./support/server";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

const part = (name: string) => `${server.url}/settings?part=${name}`;
const REFUSED = [/422|409/];

test("the encoders are tested again", () =>
  visit(part("picture"), async (page) => {
    await page.getByText("libx264").first().waitFor();
    const before = await server.ask<{ encoders_tested_at: string }>("/api/v1/system");
    await page.getByRole("button", { name: "Test again" }).click();
    await page.getByText("The encoders were tried again").waitFor();
    const after = await server.ask<{ encoders_tested_at: string }>("/api/v1/system");
    expect(after.encoders_tested_at).not.toBe(before.encoders_tested_at);
    await page.getByText("in use").first().waitFor();
    await expectAccessible(page);
    await shoot(page, "settings-picture");
  }));

test("a folder within another is refused beside its field, and nothing typed is lost", () =>
  visit(
    part("library"),
    async (page) => {
      await page.getByText(CLIPS).first().waitFor();
      const field = page.getByLabel("Folder on the server");
      await field.fill(`${CLIPS}/Films`);
      await page.getByRole("button", { name: "Add this folder" }).click();
      await page.getByText("a library has no folder within another").waitFor();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
      await expectAccessible(page);
      await page.reload();
      expect(await field.inputValue()).toBe(`${CLIPS}/Films`);
    },
    { allow: REFUSED },
  ));

test("addresses can be scanned, and are those of the server", () =>
  visit(part("tv"), async (page) => {
    const list = page.getByRole("group", { name: "Channel list (M3U)" });
    const address = await list.locator("code").textContent();
    expect((await fetch(address ?? "")).ok).toBe(true);
    await list.getByRole("button", { name: /QR code/ }).click();
    await page.getByRole("img", { name: `QR code of ${address}` }).waitFor();
    await expectAccessible(page);
  }));

test("every part fits a phone, dark and light, and axe finds nothing serious", async () => {
  for (const scheme of ["dark", "light"] as const) {
    await visit(
      part("library"),
      async (page) => {
        for (const name of await page.getByRole("tab").allTextContents()) {
          await page.getByRole("tab", { name }).click();
          await page.getByRole("tab", { name, selected: true }).waitFor();
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          expect([name, overflow]).toEqual([name, 0]);
          await expectAccessible(page);
        }
      },
      { size: "phone", scheme },
    );
  }
});
