import type { Page } from "playwright-core";
import { addPage, eventually, exchanged, memberJwt, type Site, session, type Watched } from "./site.ts";

/** How often a page asked for the next JWT. */
export const refreshes = (site: Site) => site.sent.filter(({ path }) => path === "members/refresh").length;

export const minuteMs = 60_000;

/** A page that somebody who has just bought is on. */
export async function signedIn(
  site: Site,
  { page }: Watched,
  { jwt = memberJwt(), url = addPage(site) } = {},
): Promise<Page> {
  site.answers.set("purchases/exchange", () => exchanged(session(jwt)));
  await page.goto(`${url}?allegro_purchase_token=ptk_1`);
  await eventually(() => page.evaluate("allegro.purchase.validation")).toBe("completed");
  return page;
}

/** Whether somebody is authenticated, identified, and has the product `digital`. */
export const state = (page: Page) =>
  page.evaluate(
    "[allegro.member.isAuthenticated(), allegro.member.isIdentified(), allegro.member.hasProduct('digital')]",
  );
