import { expect, test } from "vitest";
import type { OfferRedemption, SurfaceDecision, WebElement } from "../../schemas/decision.ts";
import type { EntitlementShown } from "../../schemas/sales.ts";
import type * as client from "../../sdk/client.d.ts";
import { bundle } from "../../sdk/generated/bundle.ts";
import { compile } from "../types/compile.ts";

/** The types that pages get are those of what the server sends: `npm run types` fails where one is not the other. */
type Same<Sent, Shown> = [Sent] extends [Shown] ? true : false;

test("what the server sends is what the client's types say", () => {
  const decision: Same<SurfaceDecision, client.SurfaceDecision> = true;
  const element: Same<WebElement, client.WebElement> = true;
  const action: Same<OfferRedemption["action"], client.RedemptionAction> = true;
  const entitlement: Same<EntitlementShown, client.Entitlement> & Same<client.Entitlement, EntitlementShown> = true;
  expect([decision, element, action, entitlement]).toEqual([true, true, true, true]);
});

const page = `
import { createClient } from "./client.js";
const scrip = createClient({ baseUrl: "https://offers.example.com", key: "pk_env_live_x" });
window.allegro = window.allegro || [];
window.allegro.push((allegro) => void allegro.purchase.initiate("plan_abc123", "https://example.com/thank-you"));
window.addEventListener("allegro:purchase:completed", (event) => {
  const name: string | undefined = event.detail.entitlement?.resource.name;
  console.log(name, event.detail.method);
});
const decision = await scrip.decide("web", { resource: { id: "story-1" } });
const hosts: Element[] = scrip.present(document.querySelector("main") ?? document, decision);
const outcome = await scrip.redeem(decision?.offers[0]?.token ?? "");
if (!outcome.ok) console.log(outcome.reason, hosts.length);
`;

test("a page's script in TypeScript is understood, and what it gets wrong is underlined", async () => {
  const wrong = `import { createClient } from "./client.js";
createClient({ baseUrl: "https://offers.example.com" });
window.addEventListener("allegro:purchase:failed", (event) => event.detail.entitlement);
window.allegro.push((allegro) => allegro.member.hasProduct(7));`;
  const errors = await compile({
    "client.d": bundle["client.d.ts"],
    page,
    wrong,
  });
  expect(errors.map(({ file, line }) => `${file}:${line}`)).toEqual(["wrong:2", "wrong:3", "wrong:4"]);
});
