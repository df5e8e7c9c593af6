// Who may do what: the first password, signing in and out, tokens.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { closeBrowser, expectAccessible, shoot, visit } from "./support/browser";
import { Server } from "./support/server";

const PASSWORD = "three blind mice";
let server: Server;
// Each of its own: what one sets, the next would not be let in by.
beforeEach(async () => {
  server = await Server.start();
});
afterEach(() => server?.stop());
afterAll(closeBrowser);

const setPassword = () => server.ask("/api/v1/account/password", "PUT", { password: PASSWORD });

async function signIn(page: Page, password = PASSWORD): Promise<void> {
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** What is refused is told by the browser too. */
const REFUSED = [/401|403|422|429/];
const access = () => `${server.url}/settings?part=access`;

test("without a password the machine itself may set one, and is signed in with it", () =>
  visit(
    access(),
    async (page) => {
      await page.getByLabel("New password").fill("short");
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByText("At least 8 characters are needed.").waitFor();
      await expectAccessible(page);
      await page.getByLabel("New password").fill(PASSWORD);
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.getByText("Signed in as admin").waitFor();
      await expectAccessible(page);
      await page.getByRole("button", { name: "Sign out", exact: true }).click();
      // It leads there, with a load of its own.
      await page.waitForFunction(() => document.title === "Guide · Aerial");
      await page.goto(`${server.url}/sign-in`);
      await signIn(page);
      await page.waitForFunction(() => document.title === "Guide · Aerial");
    },
    { allow: REFUSED },
  ));

test("who is not signed in is sent to, told what is wrong, and comes back where they were", async () => {
  await setPassword();
  await visit(
    access(),
    async (page) => {
      await page.getByRole("link", { name: "Sign in" }).first().click();
      await page.waitForURL("**/sign-in?**");
      await signIn(page, "nonsense");
      await page.getByText("Name or password are not right.").waitFor();
      expect(await page.getByLabel("Password").getAttribute("aria-invalid")).toBe("true");
      await expectAccessible(page);
      await shoot(page, "sign-in");
      await signIn(page);
      await page.waitForURL("**/settings?part=access");
      await page.getByText("Signed in as admin").waitFor();
    },
    { allow: REFUSED },
  );
});

test("a token for a TV is shown once, works, and is revoked", async () => {
  await setPassword();
  await visit(
    `${server.url}/sign-in?next=${encodeURIComponent("/settings?part=access")}`,
    async (page) => {
      await signIn(page);
      await page.getByRole("button", { name: "Make a token" }).click();
      await page.getByText("Give it a name").waitFor();
      await page.getByLabel("What it is for").fill("The kitchen");
      await page.getByRole("button", { name: "Make a token" }).click();
      const dialog = page.getByRole("dialog", { name: "The token for The kitchen" });
      await dialog.waitFor();
      await expectAccessible(page);
      const list = dialog.getByRole("group", { name: "Channel list (M3U)" });
      const address = (await list.locator("code").textContent()) ?? "";
      expect(address).toContain("/t/");
      expect((await fetch(address)).status).toBe(200);
      // It is shown this once: a press beside it does not take it away.
      await page.mouse.click(5, 5);
      await dialog.getByRole("button", { name: "I have copied it" }).click();
      const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim());
      await expect.poll(focused).toBe("Make a token");
      await page.getByText("TV app, may watch").waitFor();
      await page.getByRole("button", { name: "Revoke The kitchen" }).click();
      await page.getByRole("dialog", { name: "Revoke The kitchen?" }).waitFor();
      // What is told for a moment is waited for before it comes.
      const told = page.getByText("The kitchen is revoked").waitFor();
      await page.getByRole("button", { name: "Revoke The kitchen" }).last().click();
      await told;
      expect((await fetch(address)).status).toBe(401);
    },
    { allow: REFUSED },
  );
});

test("watching without signing in can be turned off, and the password changed", async () => {
  await setPassword();
  await visit(
    `${server.url}/sign-in?next=${encodeURIComponent("/settings?part=access")}`,
    async (page) => {
      expect((await fetch(`${server.url}/channels.m3u`)).status).toBe(200);
      await signIn(page);
      const watching = page.getByRole("switch", { name: /The local network may watch/ });
      const told = page.getByText("Saved, and in force").waitFor();
      await watching.uncheck();
      await told;
      expect((await fetch(`${server.url}/channels.m3u`)).status).toBe(401);
      await watching.check();

      await page.getByLabel("Present password").fill("not this one");
      await page.getByLabel("New password").fill("see how they run");
      await page.getByRole("button", { name: "Change the password" }).click();
      await expect
        .poll(() => page.getByLabel("Present password").getAttribute("aria-invalid"))
        .toBe("true");
      await page.getByLabel("Present password").fill(PASSWORD);
      const changed = page.getByText("The password is changed").waitFor();
      await page.getByRole("button", { name: "Change the password" }).click();
      await changed;
      await page.getByRole("button", { name: "Sign out everywhere" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
      await page.waitForFunction(() => document.title === "Guide · Aerial");
    },
    { allow: REFUSED },
  );
});

test("signing in fits a phone", async () => {
  await setPassword();
  await visit(
    `${server.url}/sign-in`,
    async (page) => {
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow).toBe(0);
      await expectAccessible(page);
    },
    { size: "phone", scheme: "light" },
  );
});
