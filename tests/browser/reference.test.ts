import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startServer, temporaryFolder } from "../runtime/server-process.ts";
import { type Launched, launchBrowser } from "./browser.ts";

let launched: Launched;
let server: Awaited<ReturnType<typeof startServer>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  [server, launched] = await Promise.all([startServer(folder.path), launchBrowser()]);
});
beforeEach((context) => {
  if (!launched.ok) context.skip(launched.reason);
});
afterAll(async () => {
  if (launched.ok) await launched.browser.close();
  await server.end("SIGTERM");
  await folder.remove();
});

test("the API reference shows every operation and asks no other host for anything", async () => {
  if (!launched.ok) return;
  const page = await launched.browser.newPage();
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  await page.goto(`${server.url}/docs`);
  await page.getByText("Redeem an offer token").waitFor();
  await page.getByText("Decide what a surface shows").click();
  await page.getByText("Resolves the surface's experiences").waitFor();
  expect(elsewhere).toEqual([]);
  expect(complaints).toEqual([]);
});

test.each([
  ["Decide what a surface shows", "Premium Monthly"],
  ["Begin the purchase of a plan", "purchaseId"],
])("on a fresh server the prefilled request works as it is: %s", async (summary, expected) => {
  if (!launched.ok) return;
  const page = await launched.browser.newPage();
  const { secretKey } = await server.dev();
  await page.goto(`${server.url}/docs`);
  await page.getByRole("button", { name: "Authorize" }).click();
  await page.getByLabel("auth-bearer-value").first().fill(secretKey);
  await page.getByRole("button", { name: "Apply credentials" }).first().click();
  await page.getByRole("button", { name: "Close" }).last().click();
  await page.getByText(summary).click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.getByRole("button", { name: "Execute" }).click();
  const answer = page.locator(".live-responses-table .response");
  await answer.waitFor();
  expect(await answer.locator(".response-col_status").innerText()).toMatch(/^200/);
  expect(await answer.innerText()).toContain(expected);
});
