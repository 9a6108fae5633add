import { Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { listExplained } from "../engine/explain-entitlements.ts";
import { newest } from "../engine/page.ts";
import { findMember, listMembers, readHistory } from "../engine/read-members.ts";
import { listPurchases } from "../engine/read-purchases.ts";
import { Identifier } from "../schemas/identity.ts";
import { adminOf } from "./auth.ts";
import { Done, environmentIn, managed } from "./manage-operation.ts";
import {
  EntitlementExplained,
  HistoryShown,
  MemberShown,
  PurchaseShown,
  shownEntitlement,
  shownHistory,
  shownMember,
  shownPurchase,
} from "./member-answers.ts";
import { Next, nextText, pageFields, pageIn, pageWords, readQuery } from "./page-query.ts";

const MembersQuery = v.strictObject({
  identifier: v.optional(Identifier),
  email: v.optional(v.pipe(v.string(), v.maxLength(254))),
  ...pageFields,
});
const HistoryQuery = v.strictObject(pageFields);

const MembersAnswer = v.object({ ...Done.entries, members: v.array(MemberShown), next: Next });
const MemberAnswer = v.object({
  ...Done.entries,
  member: MemberShown,
  entitlements: v.array(EntitlementExplained),
  purchases: v.array(PurchaseShown),
});
const HistoryAnswer = v.object({ ...Done.entries, history: v.array(HistoryShown), next: Next });

/** More than anybody has; whoever has more finds the rest in the lists. */
const mostOfEach = 200;

const describe = managed("Members");
const list = describe("The members, newest first", {
  answer: MembersAnswer,
  query: { identifier: "The one whom the site calls so", email: "The one whose address it is", ...pageWords },
});
const one = describe("A member with entitlements and purchases", {
  description: `The newest ${mostOfEach} of each, and why there is each entitlement, or no more.`,
  answer: MemberAnswer,
});
const history = describe("What happened to a member, newest first", { answer: HistoryAnswer, query: pageWords });

/** `…/members`: who holds or held something, and why. */
export function manageMembers(engine: Engine): Hono {
  const app = new Hono();
  app.get("/:environmentId/members", list, async (c) => {
    await adminOf(c, engine, "viewer");
    const { id } = await environmentIn(c, engine);
    const query = readQuery(c, MembersQuery);
    const { items, next } = await listMembers(engine, id, query, pageIn(query));
    return c.json({ status: "success", members: items.map(shownMember), next: nextText(next) });
  });
  app.get("/:environmentId/members/:memberId", one, async (c) => {
    await adminOf(c, engine, "viewer");
    const environment = await environmentIn(c, engine);
    const member = await findMember(engine, environment.id, c.req.param("memberId"));
    const own = { identifier: member.identifier, active: false };
    const held = await listExplained(engine, environment, own, newest(mostOfEach));
    const bought = await listPurchases(engine, environment, { memberId: member.id }, newest(mostOfEach));
    return c.json({
      status: "success",
      member: shownMember(member),
      entitlements: held.items.map(shownEntitlement),
      purchases: bought.items.map(shownPurchase),
    });
  });
  app.get("/:environmentId/members/:memberId/history", history, async (c) => {
    await adminOf(c, engine, "viewer");
    const { id } = await environmentIn(c, engine);
    const page = pageIn(readQuery(c, HistoryQuery));
    const { items, next } = await readHistory(engine, id, c.req.param("memberId"), page);
    return c.json({ status: "success", history: items.map(shownHistory), next: nextText(next) });
  });
  return app;
}
