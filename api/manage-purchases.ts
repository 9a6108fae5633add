import { Hono } from "hono";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import type { Environment } from "../engine/environments.ts";
import type { Purchase } from "../engine/fulfilment/settling.ts";
import { explainPurchase, findPurchase, listedStatuses, listPurchases } from "../engine/read-purchases.ts";
import { refundPurchase, syncPurchase } from "../engine/refund-purchase.ts";
import { Identifier } from "../schemas/identity.ts";
import { notList } from "../schemas/json.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readBody } from "./body.ts";
import { Done, environmentIn, managed } from "./manage-operation.ts";
import { EntitlementExplained, PurchaseShown, shownEntitlement, shownPurchase } from "./member-answers.ts";
import { bodyLike } from "./operation.ts";
import { Next, nextText, pageFields, pageIn, pageWords, readQuery } from "./page-query.ts";

const PurchasesQuery = v.strictObject({
  status: v.optional(v.picklist(listedStatuses)),
  identifier: v.optional(Identifier),
  memberId: v.optional(v.pipe(v.string(), v.maxLength(200))),
  ...pageFields,
});

const Refund = notList(
  v.strictObject({ reason: v.optional(v.nullable(v.pipe(v.string(), v.trim(), v.maxLength(500))), null) }),
);

const PurchasesAnswer = v.object({ ...Done.entries, purchases: v.array(PurchaseShown), next: Next });
const PurchaseAnswer = v.object({
  ...Done.entries,
  purchase: v.object({ ...PurchaseShown.entries, entitlements: v.array(EntitlementExplained) }),
});

const describe = managed("Members");
const list = describe("The purchases, newest first", {
  description: "Those that came to something: none that waits for its buyer.",
  answer: PurchasesAnswer,
  query: {
    status: listedStatuses.map((status) => `\`${status}\``).join(", "),
    identifier: "What the member of this identifier paid for",
    memberId: "What a member paid for",
    ...pageWords,
  },
});
const one = describe("A purchase, and what it granted", {
  description: "By its id, or by its Checkout Session's. Also one that waits for its buyer.",
  answer: PurchaseAnswer,
});
const refund = describe("Give a purchase's payment back", {
  description:
    "All of it, at Stripe; access is taken back at once where the plan says so. A subscription goes on until it is " +
    "cancelled at Stripe.",
  body: bodyLike(Refund, { reason: "Bought by mistake" }),
  answer: PurchaseAnswer,
  errors: [409, 503],
});
const sync = describe("Ask Stripe how a purchase stands, and make that so", { answer: PurchaseAnswer, errors: [503] });

/** `…/purchases`: what was sold, giving it back, and asking Stripe again. */
export function managePurchases(engine: Engine): Hono {
  const app = new Hono();
  app.get("/:environmentId/purchases", list, async (c) => {
    await adminOf(c, engine, "viewer");
    const environment = await environmentIn(c, engine);
    const query = readQuery(c, PurchasesQuery);
    const { items, next } = await listPurchases(engine, environment, query, pageIn(query));
    return c.json({ status: "success", purchases: items.map(shownPurchase), next: nextText(next) });
  });
  app.get("/:environmentId/purchases/:purchaseId", one, async (c) => {
    await adminOf(c, engine, "viewer");
    const environment = await environmentIn(c, engine);
    const purchase = await findPurchase(engine, environment.id, c.req.param("purchaseId"));
    return c.json(await answerOf(engine, environment, purchase));
  });
  app.post("/:environmentId/purchases/:purchaseId/refund", refund, async (c) => {
    const { label: by } = await adminOf(c, engine, "publisher");
    const environment = await environmentIn(c, engine);
    const { reason } = await readBody(c, Refund, manageBodyBytes);
    const purchaseId = c.req.param("purchaseId");
    const purchase = await refundPurchase(engine, environment, { purchaseId, reason: reason || null, by });
    return c.json(await answerOf(engine, environment, purchase));
  });
  app.post("/:environmentId/purchases/:purchaseId/sync", sync, async (c) => {
    await adminOf(c, engine, "editor");
    const environment = await environmentIn(c, engine);
    const purchase = await syncPurchase(engine, environment, c.req.param("purchaseId"));
    return c.json(await answerOf(engine, environment, purchase));
  });
  return app;
}

async function answerOf(engine: Engine, environment: Environment, purchase: Purchase) {
  const explained = await explainPurchase(engine, environment, purchase);
  const entitlements = explained.entitlements.map(shownEntitlement);
  return { status: "success", purchase: { ...shownPurchase(explained), entitlements } };
}
