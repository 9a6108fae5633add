import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { bundle } from "../../sdk/generated/bundle.ts";
import { launchBrowser } from "../browser/browser.ts";
import { markedBlock, markedTable, plain, readDocument } from "../docs/marked-blocks.ts";
import { signedIn } from "./members.ts";
import { addPage, eventually, exchanged, memberJwt, openPage, refusal, session, startSite } from "./site.ts";

const page = readDocument("docs/sdk.md");
const member = page.slice(page.indexOf("| `allegro.member` |"), page.indexOf("`hasProduct` is for"));

/** The names of a type's members in the types that pages get. */
function membersOf(type: string): string[] {
  const [, body = ""] = new RegExp(`export type ${type} = \\{\\n([\\s\\S]*?)\\n\\};`).exec(bundle["client.d.ts"]) ?? [];
  return [...body.matchAll(/^ {2}"?([\w:-]+)"?(?:\(.*)?: /gm)].map(([, name = ""]) => name);
}

test("the table of events has every event, in the order of the types", () => {
  const written = markedTable(page, "events").slice(1);
  expect(written.map(([name]) => plain(name))).toEqual(membersOf("EventDetails"));
});

test("the table of the member has every function", () => {
  const written = [...member.matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name);
  expect(written.toSorted()).toEqual(membersOf("Member").toSorted());
});

test("the policy is the one that the tests' pages have, but for their own files", () => {
  const site = readFileSync(new URL("site.ts", import.meta.url), "utf8");
  const policy = markedBlock(page, "policy").replaceAll("https://offers.example.com", "${site.serverUrl}");
  expect(site).toContain(policy.replace("script-src", "default-src 'none'; script-src 'self'"));
});

test("the size is the one that it says", () => {
  expect(page).toContain("7 kB gzipped");
});

test("the page that sells a plan works as it stands", async (context) => {
  const [launched, site] = await Promise.all([launchBrowser(), startSite()]);
  onTestFinished(() => site.stop());
  if (!launched.ok) return context.skip(launched.reason);
  onTestFinished(() => launched.browser.close());
  const { page: tab, faults } = await openPage(launched);
  site.answers.set("purchases/exchange", () => exchanged());
  site.answers.set("purchases", () => refusal(404, "plan_not_found"));
  const policy = "script-src 'unsafe-inline' http:; connect-src http:";
  const url = addPage(site, { body: markedBlock(page, "sell"), policy });
  await tab.goto(url);
  await tab.getByRole("button").click();
  const alert = tab.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).not.toContain("paid");
  expect(site.sent[0]?.body.planId).toBe("monthly");
  await tab.goto(`${url}?allegro_purchase_error=payment_failed`);
  await alert.getByText("Nothing was paid.").waitFor();
  await tab.goto(`${url}?allegro_purchase_token=ptk_1`);
  await tab.getByText("Welcome. You can read Digital Access now.").waitFor();
  expect(await tab.getByRole("button").isVisible()).toBe(false);
  expect(faults).toEqual([]);
});

test("the page that asks the queue shows a member who comes back after the JWT has expired", async (context) => {
  const [launched, site] = await Promise.all([launchBrowser(), startSite()]);
  onTestFinished(() => site.stop());
  if (!launched.ok) return context.skip(launched.reason);
  onTestFinished(() => launched.browser.close());
  const watched = await openPage(launched);
  const policy = "script-src 'unsafe-inline' http:; connect-src http:";
  const url = addPage(site, { body: markedBlock(page, "queue"), policy });
  const isShown = () => watched.page.evaluate("document.body.classList.contains('subscriber')");
  site.answers.set("members/refresh", () => refusal(503, "storage_unavailable"));
  await signedIn(site, watched, { jwt: memberJwt({ seconds: 1 }), url });
  expect(await isShown()).toBe(true);
  await new Promise((done) => setTimeout(done, 1_100));
  await watched.page.goto(url);
  expect(await isShown()).toBe(false);
  site.answers.set("members/refresh", () => session());
  await watched.page.goto(url);
  await eventually(isShown).toBe(true);
  await watched.page.evaluate("allegro.member.logout()");
  await eventually(isShown).toBe(false);
  expect(watched.faults).toEqual([]);
});
