// Past 250 lines: one noun of the workflow, `utils.identity`, each function with its bounds and its races.
import { LibsqlError } from "@libsql/client";
import { eq } from "drizzle-orm";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { customData, identityCounters } from "../../schemas/identity-tables.ts";
import { redemptions } from "../../schemas/tables.ts";
import { runAs, tokenOf, tryOf, worldOf } from "../fakes/methods.ts";
import { redeemAs } from "../fakes/requests.ts";
import { askAsPage } from "../fakes/sales.ts";
import { origin, type World } from "../fakes/world.ts";

const data = "utils.identity";
const done = (value: string) => `return { success: true, properties: { value: ${value} } };`;
/** Some tokens say what is to be done, because a workflow has no other way to be told. */
const wish = `const wish = JSON.parse(identity.identifier.split("|")[1] ?? "null");`;
const bodies = {
  write: `await ${data}.writeCustomData(identity, "profile", { name: "Ada", n: [1, null] }); ${done(`await ${data}.readCustomData(identity, "profile")`)}`,
  overwrite: `await ${data}.writeCustomData(identity, "profile", null); await ${data}.writeCustomData(identity, "a", 1);
    ${done(`await ${data}.readCustomData(identity)`)}`,
  remove: `await ${data}.deleteCustomData(identity, "profile"); await ${data}.deleteCustomData(identity, "never");
    ${done(`[await ${data}.readCustomData(identity, "profile"), await ${data}.readCustomData(identity)]`)}`,
  read: done(`await ${data}.readCustomData(identity)`),
  "of-others": `const other = { identifier: "victor@example.com", userType: "anonymous" };
    await ${data}.writeCustomData(other, "k", "visitor"); ${done(`[await ${data}.readCustomData(other, "k"), await ${data}.readCustomData({ ...other, userType: "authenticated" }, "k")]`)}`,
  large: `await ${data}.writeCustomData(identity, "k", "x".repeat(16400));`,
  many: `for (let i = 0; i < 70; i++) await ${data}.writeCustomData(identity, "k" + i, i);`,
  "no-key": `await ${data}.writeCustomData(identity, "", 1);`,
  "long-key": `await ${data}.readCustomData(identity, "k".repeat(1000));`,
  nul: `await ${data}.writeCustomData(identity, "a\\0b", 1);`,
  "a-function": `await ${data}.writeCustomData(identity, "k", () => 1);`,
  nobody: `await ${data}.readCustomData("ada", "k");`,
  count: done(`await ${data}.incrementCounter(identity, { counterId: "reads" })`),
  "count-more": done(
    `[await ${data}.incrementCounter(identity, { counterId: "more" }, { increment: 5 }), await ${data}.incrementCounter(identity, { counterId: "more" }, { increment: -2 })]`,
  ),
  "count-failing": `await ${data}.incrementCounter(identity, { counterId: "failing" }); throw new Error("after counting");`,
  "count-half": `await ${data}.incrementCounter(identity, { counterId: "half" }, { increment: 0.5 });`,
  "count-large": `const c = { counterId: "large" }; await ${data}.incrementCounter(identity, c, { increment: 2 ** 53 - 1 });
    await ${data}.incrementCounter(identity, c);`,
  buy: `const { body } = await utils.integrations.stripe.fetch("acct_world", { method: "POST", path: "/v1/checkout/sessions", body: {
      mode: "payment", line_items: [{ price: "price_day", quantity: 1 }], success_url: utils.purchase.returnUrl("${origin}/") } });
    return { success: true, action: "navigate", url: body.url };`,
  links: done(`[await ${data}.getLinkedSources(identity), await ${data}.getLinkedTargets(identity)]`),
  jwt: `${wish} ${done(`await ${data}.resolveJwt(wish)`)}`,
};

let world: World;
let sign: (claims: Record<string, unknown>) => Promise<string>;
beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "1" };
  const userJwt = { jwks: { keys: [jwk] }, algorithms: ["ES256"], identifierClaim: "email" };
  world = await worldOf(bodies, {
    more: (made) => ({
      ...made,
      userJwt,
      budgets: { outboundCalls: 100 },
      offers: made.offers.map((offer) => (offer.slug === "buy" ? { ...offer, plans: ["monthly"] } : offer)),
    }),
  });
  sign = (claims) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: "1" })
      .setExpirationTime(Math.floor(world.clock.now() / 1000) + 600)
      .sign(privateKey);
});
afterAll(() => world.close());

const user = (name: string) => ({ userIdentifier: `${name}@example.com` });
const answerOf = async (slug: string, identity: unknown) => (await runAs(world, slug, identity)).properties.value;
const counter = async (id: string) => {
  const rows = await world.engine.storage.db.select().from(identityCounters);
  return rows.filter(({ counterId }) => counterId === id).map(({ value }) => value);
};
/** As if the process had died before it wrote its answer, and its lease had run out. */
const interrupt = () =>
  world.engine.storage.write((tx) => tx.update(redemptions).set({ status: "running", leaseUntil: 0, answer: null }));

describe("custom data", () => {
  test("is read as it was written, by later runs too, until it is deleted", async () => {
    expect(await answerOf("write", user("a"))).toEqual({ name: "Ada", n: [1, null] });
    expect(await answerOf("read", user("a"))).toEqual({ profile: { name: "Ada", n: [1, null] } });
    expect(await answerOf("overwrite", user("a"))).toEqual({ a: 1, profile: null });
    expect(await answerOf("remove", user("a"))).toEqual([null, { a: 1 }]);
  });

  test("is somebody's own: a visitor's is not that of a user of the same name", async () => {
    expect(await answerOf("of-others", user("victor"))).toEqual(["visitor", null]);
    expect(await answerOf("read", { anonymousIdentifier: "victor@example.com" })).toEqual({ k: "visitor" });
  });

  test.each([
    ["large", "at most 16384 characters"],
    ["many", "has 64 keys, which is the most: delete one"],
    ["no-key", "identity.writeCustomData: key"],
    ["long-key", "identity.readCustomData: key"],
    ["nul", "without NUL"],
    ["a-function", "is a function"],
    ["nobody", "identity.readCustomData: who.identifier"],
    ["count-half", "increment"],
    ["count-large", "nothing was counted"],
  ])("that cannot be kept (%s) is refused with a reason", async (slug, reason) => {
    const { status, run } = await runAs(world, slug, user(`wrong-${slug}`));
    expect(status).toBe(531);
    expect(run.verdict.reason).toContain(reason);
  });

  test("never goes over its bound, however many write at once", async () => {
    const identity = user("crowd");
    await Promise.all(Array.from({ length: 3 }, async () => runAs(world, "many", identity)));
    const rows = await world.engine.storage.db.select().from(customData);
    expect(rows.filter(({ identityKey }) => identityKey === "user:crowd@example.com")).toHaveLength(64);
  });
});

describe("a counter", () => {
  test("counts by one or by what it is told, and gives its value", async () => {
    expect(await answerOf("count", user("b"))).toBe(1);
    expect(await answerOf("count", user("b"))).toBe(2);
    expect(await answerOf("count-more", user("b"))).toEqual([5, 3]);
  });

  test("is exact however many count at once", async () => {
    const identity = user("many");
    const values = await Promise.all(Array.from({ length: 20 }, () => answerOf("count", identity)));
    expect(values.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  test("counts once for an attempt that is taken up again, and gives the first answer", async () => {
    const token = await tokenOf(world, "count", user("c"));
    expect((await runAs(world, "count", user("c"), token)).properties.value).toBe(1);
    expect(await answerOf("count", user("c"))).toBe(2);
    await interrupt();
    expect((await runAs(world, "count", user("c"), token)).properties.value).toBe(1);
    expect(await answerOf("count", user("c"))).toBe(3);
  });

  test("counts again for an attempt that is made after one that failed", async () => {
    const token = await tokenOf(world, "count-failing", user("d"));
    for (let i = 0; i < 2; i++) expect((await redeemAs(world, user("d"), token)).status).toBe(531);
    expect(await counter("failing")).toEqual([2]);
  });

  test("that the database may have counted, or not, is counted under the same number the next time", async () => {
    const { engine } = world;
    const { run } = engine.sandbox;
    const { storage } = engine;
    const token = await tokenOf(world, "count-failing", user("unsure"));
    const lost = new LibsqlError("the connection was lost", "SERVER_ERROR");
    engine.sandbox.run = async (job, host) => {
      engine.sandbox.run = run;
      engine.storage = { ...storage, write: () => Promise.reject(lost) };
      return run(job, async (call) => {
        const answer = await host(call);
        engine.storage = storage;
        return answer;
      });
    };
    const first = await runAs(world, "count-failing", user("unsure"), token);
    expect(first.run.verdict.reason).toContain("the database does not answer just now");
    const [row] = await storage.db
      .select()
      .from(redemptions)
      .where(eq(redemptions.identityKey, "user:unsure@example.com"));
    expect(row).toMatchObject({ status: "running", attempt: 1, leaseUntil: 0 });
    const second = await runAs(world, "count-failing", user("unsure"), token);
    expect(second.run.verdict.reason).toContain("after counting");
  });

  test("is left alone by a run whose claim is somebody else's meanwhile", async () => {
    const { engine } = world;
    const { run } = engine.sandbox;
    const seen: unknown[] = [];
    engine.sandbox.run = async (job, host) => {
      engine.sandbox.run = run;
      const taken = { claimId: crypto.randomUUID(), leaseUntil: 0 };
      await engine.storage.write((tx) => tx.update(redemptions).set(taken).where(eq(redemptions.status, "running")));
      const args = { who: { identifier: "e", userType: "anonymous" }, counterId: "stolen", increment: 1 };
      seen.push(await host({ seq: 0, name: "identity.incrementCounter", args }));
      return run(job, host);
    };
    const token = await tokenOf(world, "read", { anonymousIdentifier: "e" });
    expect((await redeemAs(world, { anonymousIdentifier: "e" }, token)).status).toBe(200);
    expect(seen).toEqual([
      { ok: false, error: { name: "TypeError", message: expect.stringContaining("this run has ended") } },
    ]);
    expect(await counter("stolen")).toEqual([]);
  });
});

test("a try changes nothing, and answers what it would", async () => {
  const write = await tryOf(world, "write", { identifier: "try@example.com" });
  expect(write.body.run.result.properties.value).toBe(null);
  expect(write.body.run.hostCalls).toMatchObject([{ simulated: true }, { name: "identity.readCustomData" }]);
  expect(write.body.run.hostCalls[1]).not.toHaveProperty("simulated");
  const count = await tryOf(world, "count", { identifier: "b@example.com" });
  expect(count.body.run.result.properties.value).toBe(3);
  expect(await answerOf("count", user("b"))).toBe(3);
});

describe("links", () => {
  test("are between the guest who bought and the member whom the payment named", async () => {
    const { jwt, guest } = await guestWho("linked@example.com");
    const link = {
      source: { identifier: guest, userType: "authenticated" },
      target: { identifier: "linked@example.com", userType: "authenticated" },
      reason: "purchase",
      linkedAt: "2026-03-01T12:00:00.000Z",
    };
    expect(await answerOf("links", user("linked"))).toEqual([[link], []]);
    expect(await answerOf("links", { userJwt: jwt })).toEqual([[], [link]]);
    expect(await answerOf("links", { anonymousIdentifier: guest })).toEqual([[], []]);
    expect(await answerOf("links", user("alone"))).toEqual([[], []]);
  });
});

describe("a JWT", () => {
  const asking = (jwt: unknown) => ({ anonymousIdentifier: `jwt|${JSON.stringify(jwt)}`.slice(0, 512) });

  test("of the environment's settings names its user", async () => {
    const value = await answerOf("jwt", asking(await sign({ email: "j@example.com", plan: 1 })));
    expect(value).toMatchObject({
      valid: true,
      identifier: "j@example.com",
      userType: "authenticated",
      jwtClaims: { plan: 1 },
    });
  });

  test("that is wrong is an answer with a reason", async () => {
    const value = await answerOf("jwt", asking("e30.e30.e30"));
    expect(value).toMatchObject({
      valid: false,
      reason: "invalid",
      message: expect.stringContaining("Invalid user JWT"),
    });
  });

  test("does not stay in the event", async () => {
    const jwt = await sign({ email: "secret@example.com" });
    const { run } = await runAs(world, "jwt", asking(jwt));
    expect(JSON.stringify(run.hostCalls[0].args)).not.toContain(jwt);
  });

  test("is refused with advice where the environment verifies none", async () => {
    const other = await worldOf({ jwt: bodies.jwt });
    try {
      const { run } = await runAs(other, "jwt", asking("e30.e30.e30"));
      expect(run.verdict.reason).toContain("set userJwt in its configuration");
    } finally {
      await other.close();
    }
  });
});

/** A visitor buys and comes back: the guest's JWT and name. */
async function guestWho(email: string): Promise<{ jwt: string; guest: string }> {
  const { body } = await runAs(world, "buy", { anonymousIdentifier: crypto.randomUUID() });
  const session = world.stripe.sessions().find(({ url }) => url === body.action.url);
  world.stripe.pay(session?.id ?? "", { email });
  const back = await world.app.request(
    String(session?.success_url).replace("{CHECKOUT_SESSION_ID}", session?.id ?? ""),
  );
  const token = new URL(back.headers.get("location") ?? "").searchParams.get("allegro_purchase_token");
  const { jwt } = (await askAsPage(world, "/api/v1/purchases/exchange", { token })).body;
  return { jwt, guest: decodeJwt(jwt).sub ?? "" };
}
