// The settings: changed and really in force, slips told beside the field, encoders tested
// again, folders, the addresses for TV apps, and every part on a phone.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AWAY, closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { CLIPS } from "./support/clips";
import { Server, until } from "./support/server";

let server: Server;
beforeAll(async () => {
  server = await Server.start({ keeper: true });
});
afterAll(async () => {
  await closeBrowser();
  await server?.stop();
});

const part = (name: string) => `${server.url}/settings?part=${name}`;
const REFUSED = [/422|409/];

interface Told {
  section: string;
  key: string;
  value: unknown;
}

async function inForce(section: string, key: string): Promise<unknown> {
  const { settings } = await server.ask<{ settings: Told[] }>("/api/v1/settings");
  return settings.find((one) => one.section === section && one.key === key)?.value;
}

test("a setting is changed, and the server really works by it", () =>
  visit(
    part("limits"),
    async (page) => {
      const field = page.getByRole("textbox", { name: "Grace period" });
      // Another one than a first try may have left.
      const grace = (await field.inputValue()) === "45s" ? "46s" : "45s";
      await field.fill(grace);
      await page.getByText("1 change is not saved").waitFor();
      await expectAccessible(page);
      // What is told for a moment is waited for before it comes.
      const told = page.getByText("The change is in force").waitFor();
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await told;
      expect(await inForce("stream", "grace")).toBe(grace);
      await page
        .getByText(/Set in the settings file/)
        .first()
        .waitFor();
      // And back, without typing.
      await page.getByRole("button", { name: "Set “Grace period” back to the default" }).click();
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await until("the default", async () => (await inForce("stream", "grace")) === "30s");
    },
    { allow: AWAY },
  ));

test("bad input is told beside its field, by the page and by the server, and nothing is saved", () =>
  visit(
    part("limits"),
    async (page) => {
      const grace = page.getByRole("textbox", { name: "Grace period" });
      await grace.fill("soon");
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByText("Write a whole number and its unit, such as 5s").waitFor();
      expect(await grace.getAttribute("aria-invalid")).toBe("true");
      await expectAccessible(page);
      await grace.fill("30s");
      // Only the server knows that an odd height is none.
      await page.getByRole("tab", { name: "Picture" }).click();
      const height = page.getByRole("textbox", { name: "Height where one must do" });
      await height.fill("721");
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByText("721 is odd").waitFor();
      expect(await height.getAttribute("aria-invalid")).toBe("true");
      expect(await inForce("stream", "height")).toBe(720);
    },
    { allow: REFUSED },
  ));

test("what is typed outlives a server that is away", () =>
  visit(
    part("limits"),
    async (page) => {
      await page.getByRole("textbox", { name: "Grace period" }).fill("50s");
      // Of a keeper that is killed the server may still hear what is saved.
      await server.end("SIGTERM");
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByText("The server does not answer.").first().waitFor();
      const back = page.getByText("The server is back.").waitFor();
      await server.run();
      await back;
      expect(await page.getByRole("textbox", { name: "Grace period" }).inputValue()).toBe("50s");
      await page.getByText("1 change is not saved").waitFor();
      // It is not left behind unasked.
      await page.getByRole("navigation").getByRole("link", { name: "Guide" }).click();
      await page.getByRole("dialog", { name: "Leave without saving?" }).waitFor();
      await page.getByRole("button", { name: "Cancel" }).click();
      expect(await page.getByRole("textbox", { name: "Grace period" }).inputValue()).toBe("50s");
    },
    { allow: AWAY },
  ));

test("what a flag fixes says so and cannot be typed into", () =>
  visit(part("server"), async (page) => {
    const field = page.getByRole("textbox", { name: "Address and port" });
    expect(await field.isDisabled()).toBe(true);
    await page
      .getByText(/--listen/)
      .first()
      .waitFor();
    await expectAccessible(page);
  }));

test("the encoders are tested again", () =>
  visit(part("picture"), async (page) => {
    await page.getByText("libx264").first().waitFor();
    const before = await server.ask<{ encoders_tested_at: string }>("/api/v1/system");
    const told = page.getByText("The encoders were tried again").waitFor();
    await page.getByRole("button", { name: "Test again" }).click();
    await told;
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
      await expect.poll(() => field.inputValue()).toBe(`${CLIPS}/Films`);
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

test("what is told stands over an open window, and can be put away there", () =>
  visit(
    part("picture"),
    async (page) => {
      await page.route("**/api/v1/system/encoders/test", (route) =>
        route.fulfill({ status: 500, contentType: "application/json", body: "{}" }),
      );
      const again = page.getByRole("button", { name: "Test again" });
      const toast = page.locator(".toast.bad");
      const dismiss = async () => {
        await toast.getByRole("button", { name: "Dismiss" }).click();
        await toast.waitFor({ state: "detached" });
      };
      await again.click();
      await toast.waitFor();
      await page.keyboard.press("?");
      const help = page.getByRole("dialog");
      await help.waitFor();
      await expectAccessible(page);
      await dismiss();
      expect(await help.isVisible()).toBe(true);
      await page.keyboard.press("Escape");
      await help.waitFor({ state: "hidden" });
      // And on the page itself as before.
      await again.click();
      await dismiss();
    },
    { allow: [/500/] },
  ));

test("who is told of faults is sent a test, and what each answered is shown", async () => {
  const told: string[] = [];
  const listener = createServer((request, answer) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      told.push(`${request.url} ${(JSON.parse(body) as { type: string }).type}`);
      answer.writeHead(request.url === "/takes-it" ? 204 : 403).end();
    });
  });
  await new Promise<void>((done) => listener.listen(0, "127.0.0.1", done));
  const { port } = listener.address() as AddressInfo;
  const hook = (host: string, path: string) =>
    `[[webhooks]]\nurl = "http://${host}:${port}${path}"\nevents = ["store"]\n`;
  const settings = hook("127.0.0.1", "/takes-it") + hook("localhost", "/refuses-it");
  const own = await Server.start({ media: null, bare: true, settings });
  try {
    await visit(`${own.url}/settings?part=server`, async (page) => {
      await page.getByRole("button", { name: "Send a test" }).click();
      const results = page.getByRole("list", { name: "What came of the test" });
      await results.getByRole("listitem").nth(1).waitFor();
      expect(await results.getByRole("listitem").allInnerTexts()).toEqual([
        expect.stringMatching(/^127\.0\.0\.1\s+took the test$/),
        expect.stringMatching(/^localhost\s+did not take it: .*403/),
      ]);
      expect(told.sort()).toEqual(["/refuses-it test", "/takes-it test"]);
      await expectAccessible(page);
      await shoot(page, "settings-webhooks");
    });
  } finally {
    await own.stop();
    listener.close();
  }
});

test("where nobody is told of faults, a test says so", () =>
  visit(part("server"), async (page) => {
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("There is no webhook in the settings file").waitFor();
  }));

test("every part fits a phone, dark and light, and axe finds nothing serious", async () => {
  for (const scheme of ["dark", "light"] as const) {
    await visit(
      part("library"),
      async (page) => {
        await page.getByRole("tab").first().waitFor();
        for (const name of await page.getByRole("tab").allTextContents()) {
          await page.getByRole("tab", { name }).click();
          await page.getByRole("tab", { name, selected: true }).waitFor();
          const overflow = () =>
            page.evaluate(
              () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
            );
          await expect.poll(async () => [name, await overflow()]).toEqual([name, 0]);
          await expectAccessible(page);
        }
      },
      { size: "phone", scheme },
    );
  }
});
