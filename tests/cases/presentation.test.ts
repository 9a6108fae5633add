// Past 250 lines: one world shared by every way of showing an offer.
import Mustache from "mustache";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { partsOf } from "../api/offer-tokens.ts";
import { decideFor } from "../fakes/requests.ts";
import { method } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

/** Texts that try to leave the place that they are put into. */
const hostile = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  "</style><script>alert(1)</script>",
  "--><svg onload=alert(1)>",
  "{{identity.identifier}}{{{offer.token}}}",
  "`${alert(1)}`",
  "&lt;b&gt;&#39;&quot;",
  "\u2028\u2029\u0001",
];

const html =
  "<p id=\"{{identity.identifier}}\" title='{{resource.meta.title}}'>{{identity.identifier}}|{{resource.meta.title}}" +
  "|{{offer.presentation.title}}</p>";
const slot = (key: string, experience: string | null, placement = "append") => ({ key, experience, placement });

let world: World;
beforeAll(async () => {
  world = await createWorld({
    config: (config) => ({
      ...config,
      plans: [
        ...config.plans,
        { slug: "yearly", name: "Yearly", products: ["digital", "print"], duration: "P1Y" },
        { slug: "forever", name: "For Ever", products: ["print"], price: { currency: "eur", amountMinor: 99_900 } },
      ],
      redemptionMethods: [
        method("m", 'export default () => ({ success: true, message: "well" });'),
        method("stripe", "export default () => ({ success: true });", "mos:stripe-checkout-instructions"),
      ],
      offers: [
        { slug: "plain", name: "Plain", method: "m", presentation: { title: "Plain" }, redemption: { code: "KEPT" } },
        {
          slug: "plans",
          name: "Plans",
          method: "stripe",
          plans: ["yearly", "monthly", "forever"],
          presentation: { title: "Plans" },
          redemption: {
            accountId: "acct_kept",
            prices: ["yearly", "monthly", "forever"].map((plan) => ({ price: `price_kept_${plan}`, plan })),
          },
        },
        { slug: "users", name: "Users", method: "m", filters: { userType: "authenticated" } },
        { slug: "hostile", name: "H", method: "m", presentation: { title: hostile.join(" "), list: hostile, n: null } },
      ],
      experiences: [
        { slug: "plain", type: "html", html: "<b>{{offer.presentation.title}}</b>", offers: ["plain"] },
        { slug: "plans", type: "html", html: "{{#offers}}<i>{{id}}</i>{{/offers}}", offers: ["plans", "plain"] },
        { slug: "users", type: "html", html: "<b>users</b>", offers: ["users"] },
        { slug: "mixed", type: "html", html: "{{offer.id}}", offers: ["users", "plain"] },
        {
          slug: "hostile",
          type: "html",
          html,
          css: "b { content: '{{resource.meta.title}}' }",
          js: "1",
          offers: ["hostile"],
        },
        { slug: "none", type: "html", html: "<b>{{identity.authType}} {{offer.id}}</b>" },
        {
          slug: "card",
          type: "app",
          schema: "acme:card@1.0",
          props: { tone: "warm", offer: "replaced" },
          offers: ["plain", "plans"],
        },
        { slug: "users-card", type: "app", schema: "acme:card@1.0", offers: ["users"] },
      ],
      surfaces: [
        surface("plain", [slot("a", "plain")]),
        surface("plans", [slot("a", "plans")]),
        surface("hostile", [slot("a", "hostile"), slot("b", "none")]),
        surface("card", [slot("a", "card")]),
        surface("users", [slot("a", "users"), slot("b", "users-card"), slot("c", "none")]),
        surface("mixed", [slot("a", "mixed")]),
        surface("places", [
          slot("a", "plain", "before"),
          slot("b", "none", "prepend"),
          slot("c", "plain", "append"),
          slot("d", "none", "append"),
          slot("e", "none", "after"),
          slot("f", null, "after"),
        ]),
        {
          slug: "twice",
          components: [
            { slug: "top", slots: [slot("a", "plain"), slot("b", "card")] },
            { slug: "bottom", slots: [slot("a", "plain")] },
          ],
        },
      ],
    }),
  });
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const visitor = { anonymousIdentifier: "anon_1" };
const decided = async (surfaceSlug: string, identity: object = visitor, more: object = {}) =>
  (await decideFor(world, identity, { surfaceSlug, ...more })).body;

/** What a browser would read from the attribute. */
function offerInAttribute(content: string): unknown {
  const [, double, single = ""] = /^<div [^<>]*data-offer=(?:"([^"<>]*)"|'([^'<>]*)')>/.exec(content) ?? [];
  return JSON.parse(unescaped(double ?? single));
}

describe("an offer", () => {
  test("is presented with id, presentation, schema and token, and nothing else", async () => {
    const { offers } = await decided("plain");
    expect(offers).toEqual([
      {
        id: expect.stringMatching(/^off_[0-9a-f]{8}$/),
        presentation: { title: "Plain" },
        redemptionSchema: null,
        token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
      },
    ]);
  });

  test("with several plans is presented with a token for each, in the order of the offer", async () => {
    const { offers } = await decided("plans");
    const [offer] = offers;
    const id = expect.stringMatching(/^plan_[0-9a-f]{8}$/);
    const token = expect.any(String);
    expect(offer.redemptionSchema).toBe("mos:stripe-checkout-instructions");
    expect(offer.plans).toEqual([
      { id, slug: "yearly", name: "Yearly", price: null, duration: "P1Y", products: ["digital", "print"], token },
      {
        id,
        slug: "monthly",
        name: "Monthly Digital",
        price: { currency: "gbp", amountMinor: 1000, interval: "month" },
        duration: "P1M",
        products: ["digital"],
        token,
      },
      {
        id,
        slug: "forever",
        name: "For Ever",
        price: { currency: "eur", amountMinor: 99_900, interval: null },
        duration: null,
        products: ["print"],
        token,
      },
    ]);
    const payloads = offer.plans.map((plan: { token: string }) => partsOf(plan.token).payload);
    expect(payloads.map(({ plan }: { plan: string }) => plan)).toEqual(
      offer.plans.map((plan: { id: string }) => plan.id),
    );
    expect(new Set(payloads.map(({ jti }: { jti: string }) => jti)).size).toBe(3);
  });

  test("with several plans has the first plan's token as its own", async () => {
    const { offers } = await decided("plans");
    expect(offers[0].token).toBe(offers[0].plans[0].token);
    expect(offers[0].token).not.toBe(offers[0].plans[1].token);
  });

  test("carries no redemption value, neither in the answer nor in a token", async () => {
    const body = await decided("plans", visitor, { explain: true });
    const tokens = body.offers.flatMap(({ token, plans = [] }: { token: string; plans?: { token: string }[] }) => [
      token,
      ...plans.map((plan) => plan.token),
    ]);
    expect(tokens).toHaveLength(5);
    for (const text of [JSON.stringify(body), ...tokens.map((token: string) => JSON.stringify(partsOf(token)))]) {
      expect(text).not.toMatch(/KEPT|acct_kept|price_kept/);
    }
  });

  test("that stands in two slots is signed once, and listed once", async () => {
    const { offers, componentBehaviors } = await decided("twice");
    const [top, card] = componentBehaviors.top.content.append;
    const [bottom] = componentBehaviors.bottom.content.append;
    expect(offers).toHaveLength(2);
    expect(offerInAttribute(top.content)).toEqual(offers[0]);
    expect(offerInAttribute(bottom.content)).toEqual(offers[0]);
    expect(card.props.offer).toEqual(offers[0]);
  });

  test("that stands in two slots is explained for each", async () => {
    const { explain } = await decided("twice", visitor, { explain: true });
    expect(explain.map((e: Record<string, unknown>) => `${e.component} ${e.experience} ${e.offer}`)).toEqual([
      "top plain plain",
      "top card plain",
      "top card plans",
      "bottom plain plain",
    ]);
  });
});

describe("an experience", () => {
  test("is placed where its slots say, in the order of the slots", async () => {
    const { content } = (await decided("places")).componentBehaviors.c;
    expect(Object.keys(content).toSorted()).toEqual(["after", "append", "before", "prepend"]);
    expect([content.before, content.prepend, content.append, content.after].map((list) => list.length)).toEqual([
      1, 1, 2, 1,
    ]);
    expect(content.append[0].content).toContain("<b>Plain</b>");
    expect(content.append[1].content).toContain("<b>anonymous </b>");
  });

  test("whose offers are all refused is not shown, one without offers is", async () => {
    const { componentBehaviors, offers } = await decided("users");
    expect(offers).toEqual([]);
    expect(componentBehaviors.c.content.append).toEqual([
      { type: "html", content: '<div data-experience="none"><b>anonymous </b></div>' },
    ]);
  });

  test("whose offers are let through is shown", async () => {
    const { componentBehaviors } = await decided("users", { userIdentifier: "u" });
    expect(componentBehaviors.c.content.append).toHaveLength(3);
  });

  test("shows the first offer that is let through", async () => {
    const body = await decided("mixed");
    expect(body.offers).toHaveLength(1);
    expect(body.componentBehaviors.c.content.append[0].content).toContain(`>${body.offers[0].id}<`);
    const user = await decided("mixed", { userIdentifier: "u" });
    expect(user.offers).toHaveLength(2);
    expect(user.componentBehaviors.c.content.append[0].content).toContain(`>${user.offers[0].id}<`);
  });

  test("of an app carries its offers in props, beside the operator's own", async () => {
    const { componentBehaviors, offers } = await decided("card");
    expect(componentBehaviors.c.content.append).toEqual([
      { type: "element", schema: "acme:card@1.0", props: { tone: "warm", offer: offers[0], offers } },
    ]);
    expect(offers).toHaveLength(2);
  });

  test("of HTML carries its offer as an attribute that reads back to the same offer", async () => {
    const { componentBehaviors, offers } = await decided("plain");
    const [element] = componentBehaviors.c.content.append;
    expect(element.type).toBe("html");
    expect(offerInAttribute(element.content)).toEqual(offers[0]);
  });

  test("of HTML may show all of its offers", async () => {
    const { componentBehaviors, offers } = await decided("plans");
    const all = offers.map(({ id }: { id: string }) => `<i>${id}</i>`).join("");
    expect(componentBehaviors.c.content.append[0].content).toContain(all);
  });
});

describe("HTML is written so that nothing leaves its place, for", () => {
  test.each(hostile)("%j as identifier and as the resource's title", async (text) => {
    const identity = { userIdentifier: text };
    const body = await decided("hostile", identity, { resource: { id: text, meta: { title: text } } });
    const { content } = body.componentBehaviors.c.content.append[0];
    const safe = Mustache.escape(text);
    const title = Mustache.escape(hostile.join(" "));
    const data = /^<div data-experience="hostile" data-offer=(?:"[^"<>]*"|'[^'<>]*')>/.exec(content)?.[0] ?? "";
    expect(content).toBe(
      `${data}<style>b { content: '${safe}' }</style>` +
        `<p id="${safe}" title='${safe}'>${safe}|${safe}|${title}</p><script>1</script></div>`,
    );
    expect(safe).not.toMatch(/[<>"']/);
    expect(unescaped(safe)).toBe(text);
  });

  test("an offer whose presentation is hostile: its attribute reads back to the same offer", async () => {
    const body = await decided("hostile");
    const { content } = body.componentBehaviors.c.content.append[0];
    expect(body.offers[0].presentation.list).toEqual(hostile);
    expect(offerInAttribute(content)).toEqual(body.offers[0]);
    expect(content.match(/<script/g)).toHaveLength(1);
  });

  test("a resource that cannot be written as text: what does not need it is shown all the same", async () => {
    const meta = { title: { toString: "no function", valueOf: "nor this" } };
    const { componentBehaviors } = await decided("hostile", visitor, { resource: { meta } });
    world.faults.splice(0);
    const unhurt = { type: "html", content: '<div data-experience="none"><b>anonymous </b></div>' };
    expect(componentBehaviors.c.content).toMatchObject({ append: expect.arrayContaining([unhurt]) });
  });
});

function surface(slug: string, slots: object[]) {
  return { slug, components: [{ slug: "c", slots }] };
}

/** Character references as a browser reads them (HTML §13.5), as far as they are used. */
function unescaped(text: string): string {
  const references: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"' };
  return text.replace(/&(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return references[name] ?? whole;
  });
}
