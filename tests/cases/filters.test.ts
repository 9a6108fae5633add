import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { entitlements } from "../../schemas/sales-tables.ts";
import { expectRefusal } from "../api/answers.ts";
import { ask, decideFor } from "../fakes/requests.ts";
import { method } from "../fakes/sample-config.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { type FilterCase, filterCases, holdings, offerFilters } from "./filter-cases.ts";

const noon = Date.parse("2026-03-01T12:00:00Z");
const slugs = [...Object.keys(offerFilters), "hidden"];

let world: World;
beforeAll(async () => {
  world = await createWorld({
    config: (config) => ({
      ...config,
      plans: [...config.plans, { slug: "yearly", name: "Yearly", products: ["digital"], duration: "P1Y" }],
      redemptionMethods: [method("m", "export default () => ({ success: true });")],
      offers: [
        ...Object.entries(offerFilters).map(([slug, filters]) => ({ slug, name: slug, method: "m", filters })),
        { slug: "hidden", name: "Hidden", method: "m", published: false },
      ],
      experiences: slugs.map((slug) => ({ slug, type: "html", html: slug, offers: [slug] })),
      surfaces: [
        ...slugs.map((slug) => ({ slug, components: [{ slug: "c", slots: [{ key: "s", experience: slug }] }] })),
        { slug: "all", components: [{ slug: "c", slots: slugs.map((slug) => ({ key: slug, experience: slug })) }] },
      ],
    }),
  });
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
  await insertHoldings();
});
afterAll(() => world.close());
afterEach(() => {
  world.clock.set(noon);
  expect(world.faults.splice(0)).toEqual([]);
});

test.each(filterCases)("$sentence", async ({ offer, user, anonymous = "anon_1", request, at = 0, refusedBy }) => {
  world.clock.set(noon + at);
  const identity = user === undefined ? { anonymousIdentifier: named(anonymous) } : { userIdentifier: named(user) };
  const { body } = await decideFor(world, identity, { ...request, surfaceSlug: offer, explain: true });
  expect(body.explain).toEqual([
    {
      component: "c",
      experience: offer,
      offer,
      presented: refusedBy === null,
      filter: refusedBy,
      detail: expect.stringMatching(/^\S.{5,}/),
    },
  ]);
  expect(body.offers).toHaveLength(refusedBy === null ? 1 : 0);
  expect(Object.keys(body.componentBehaviors.c.content)).toEqual(refusedBy === null ? ["append"] : []);
});

describe("an offer that is not published", () => {
  test("is shown to nobody, and is explained as such", async () => {
    const { body } = await decideFor(world, { userIdentifier: "digital" }, { surfaceSlug: "hidden", explain: true });
    expect(body.offers).toEqual([]);
    expect(body.componentBehaviors.c.content).toEqual({});
    expect(body.explain).toMatchObject([{ offer: "hidden", presented: false, filter: "published" }]);
  });
});

describe("a surface with every offer", () => {
  const explained = async (identity: object) =>
    (await decideFor(world, identity, { surfaceSlug: "all", explain: true })).body;

  test("is explained offer by offer, in the order of its slots", async () => {
    const { explain } = await explained({ userIdentifier: "both" });
    expect(explain.map(({ offer }: { offer: string }) => offer)).toEqual(slugs);
  });

  test("shows what is explained as presented, and nothing else", async () => {
    const { explain, offers, componentBehaviors } = await explained({ userIdentifier: "both" });
    const presented = explain.filter((entry: { presented: boolean }) => entry.presented);
    expect(presented.length).toBeGreaterThan(3);
    expect(offers).toHaveLength(presented.length);
    expect(componentBehaviors.c.content.append).toHaveLength(presented.length);
  });

  test("tells who the visitor is as a customer", async () => {
    expect((await explained({ userIdentifier: "both" })).customer).toEqual({
      isCustomer: true,
      hasProducts: true,
      customerIdentifiers: ["both"],
    });
    expect((await explained({ userIdentifier: "revoked" })).customer).toMatchObject({
      isCustomer: true,
      hasProducts: false,
    });
    expect((await explained({ anonymousIdentifier: "both" })).customer).toEqual({
      isCustomer: false,
      hasProducts: false,
      customerIdentifiers: [],
    });
  });
});

describe("while entitlements cannot be read", () => {
  beforeAll(() => world.engine.storage.client.execute("alter table entitlements rename to entitlements_away"));
  afterAll(() => world.engine.storage.client.execute("alter table entitlements_away rename to entitlements"));

  test("offers that ask for them are not shown, others are, and the answer says so", async () => {
    const { status, body } = await decideFor(
      world,
      { userIdentifier: "digital" },
      { surfaceSlug: "all", explain: true },
    );
    expect(world.faults.splice(0)).toHaveLength(1);
    expect(status).toBe(200);
    expect(body.degraded).toEqual(["entitlements_unavailable"]);
    const filterOf = (slug: string) => body.explain.find(({ offer }: { offer: string }) => offer === slug)?.filter;
    expect(filterOf("open")).toBeNull();
    for (const slug of ["has-digital", "lacks-digital", "has-monthly", "lacks-monthly"]) {
      expect(filterOf(slug)).toBe("entitlements_unavailable");
    }
    const event = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
    expect(event.body.event.status).toBe("degraded");
  });

  test("a visitor, who holds nothing, notices nothing", async () => {
    const { body } = await decideFor(world, { anonymousIdentifier: "anon_1" }, { surfaceSlug: "lacks-digital" });
    expect(body.offers).toHaveLength(1);
    expect(body).not.toHaveProperty("degraded");
  });
});

describe("a failure to sign", () => {
  test("leaves the page as it is without offers, and a page with a public key is told nothing", async () => {
    const environment = await world.engine.environments.get(world.environmentId);
    const { current } = environment?.signing ?? {};
    if (environment === undefined || current === undefined) throw new Error("the world has no signing key");
    const useless = await crypto.subtle.importKey("raw", new Uint8Array(32), "HKDF", false, ["deriveBits"]);
    environment.signing.current = { ...current, key: useless };
    const body = { surfaceSlug: "open", identity: { anonymousIdentifier: "anon_1" } };
    const secret = await ask(world, "POST", "/api/v1/surface-decisions", { body });
    const page = await ask(world, "POST", "/api/v1/surface-decisions", {
      key: world.publicKey,
      headers: { origin },
      body,
    });
    environment.signing.current = current;
    expect(world.faults.splice(0)).toHaveLength(2);
    for (const { status, body: answer } of [secret, page]) {
      expect(status).toBe(200);
      expect(answer.offers).toEqual([]);
      expect(answer.componentBehaviors).toEqual({ c: { content: {}, properties: {}, metadata: {} } });
    }
    expect(secret.body.degraded).toEqual(["surface_failed"]);
    expect(page.body).not.toHaveProperty("degraded");
  });
});

describe("a dry run", () => {
  test("shows an offer whose token cannot be redeemed", async () => {
    const identity = { userIdentifier: "u" };
    const { body } = await decideFor(world, identity, { surfaceSlug: "open", dryRun: true });
    const answer = await ask(world, "POST", "/api/v1/offer-redemptions", {
      body: { identity, offerToken: body.offers[0].token },
    });
    expectRefusal(answer, { status: 409, code: "token_dry_run", event: true });
  });
});

async function insertHoldings(): Promise<void> {
  const { engine, environmentId } = world;
  const environment = await engine.environments.get(environmentId);
  const idOf = (ids: Map<string, string> | undefined, slug: string): string => {
    const id = ids?.get(slug);
    if (id === undefined) throw new Error(`${slug} has no id`);
    return id;
  };
  const digital = idOf(environment?.compiled.productIds, "digital");
  const elsewhere = {
    environmentId: "env_other",
    identifier: "elsewhere",
    productId: digital,
    startedAt: 0,
    createdAt: 0,
  };
  await engine.storage.db.insert(entitlements).values([
    ...holdings.map(({ who, product, plan, starts, ends, revoked }, i) => ({
      id: `ent_${i}`,
      environmentId,
      identifier: who,
      productId: idOf(environment?.compiled.productIds, product),
      planId: plan === undefined ? null : idOf(environment?.compiled.planIds, plan),
      startedAt: noon + starts,
      endedAt: ends === undefined ? null : noon + ends,
      revokedAt: revoked === true ? noon - 1 : null,
      cause: `manual:${i}`,
      createdAt: noon,
    })),
    { id: "ent_elsewhere", cause: "manual:elsewhere", ...elsewhere },
  ]);
}

/** `@17` stands for a name whose FNV-1a hash is 17 modulo 100. */
function named(name: string): NonNullable<FilterCase["user"]> {
  if (!name.startsWith("@")) return name;
  const group = BigInt(name.slice(1));
  for (let i = 0; ; i++) if (fnv1a(`reader_${i}`) % 100n === group) return `reader_${i}`;
}

/** FNV-1a (32 bits) as its authors wrote it, apart from the engine's own. ASCII only. */
function fnv1a(text: string): bigint {
  let hash = 2166136261n;
  for (const octet of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(octet)) * 16777619n) % 2n ** 32n;
  return hash;
}
