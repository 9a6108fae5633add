// Past 250 lines: starting a Worker, a database and a shop takes longer than what is tested of them.
import { createClient } from "@libsql/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../fakes/free-port.ts";
import { type LibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import { type RunningWorker, startWorker } from "../fakes/worker.ts";
import { journey } from "./journey.ts";
import { type Shop, setUpShop } from "./shop-setup.ts";

const masterKey = "m".repeat(40);
let database: LibsqlServer;
let shop: Shop;
let settings: Record<string, string>;
let worker: RunningWorker;

beforeAll(async () => {
  database = await startLibsqlServer();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  shop = await setUpShop({ databaseUrl: database.url, masterKey, url });
  settings = {
    NODE_ENV: "development",
    DATABASE_URL: database.url,
    SCRIP_MASTER_KEY: masterKey,
    PUBLIC_URL: url,
    STRIPE_API_URL: shop.stripe.url,
  };
  worker = await startWorker({ port, settings });
});
afterAll(async () => {
  await worker?.stop();
  await shop?.stop();
  await database?.stop();
});

type Asked = { key?: string; body?: unknown; signal?: AbortSignal; at?: string };

/** A body, whatever it is: the assertions say what it must be. */
async function ask(method: string, path: string, { key, body, signal, at }: Asked = {}) {
  const response = await fetch((at ?? worker.url) + path, {
    method,
    headers: { authorization: `Bearer ${key ?? shop.base.secretKey}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const manage = (method: string, path: string, options: Asked = {}) =>
  ask(method, `/api/v1/manage/environments/${shop.base.environmentId}/${path}`, {
    key: shop.base.adminToken,
    ...options,
  });

const decide = (reader: string, options: Asked = {}) => {
  const body = { surfaceSlug: shop.base.surfaceSlug, identity: { userIdentifier: reader } };
  return ask("POST", "/api/v1/surface-decisions", { body, ...options });
};

const redeem = (reader: string, offerToken: string, options: Asked = {}) =>
  ask("POST", "/api/v1/offer-redemptions", {
    body: { identity: { userIdentifier: reader }, offerToken },
    ...options,
  });

describe("a Worker with a libSQL server", () => {
  test("does the main job from end to end", async () => {
    await journey(shop.base);
    expect(worker.log()).toBe("");
  });

  test("is ready, and serves what is in its bundle", async () => {
    expect(await ask("GET", "/healthz")).toEqual({ status: 200, body: { status: "ok" } });
    const ready = { status: "ready", database: true, sandbox: true };
    expect(await ask("GET", "/readyz")).toEqual({ status: 200, body: ready });
    expect((await ask("GET", "/openapi.json")).body.paths).toHaveProperty("/api/v1/surface-decisions");
    const script = await fetch(`${worker.url}/client.js`, { headers: { "accept-encoding": "gzip" } });
    expect([script.status, script.headers.get("content-type")]).toEqual([200, "text/javascript; charset=utf-8"]);
    expect(await script.text()).toContain("surface-decisions");
  });

  test("redeems twenty offers at once, each in a sandbox of its own", async () => {
    const readers = Array.from({ length: 20 }, (_, i) => `crowd-${i}@example.com`);
    const answers = await Promise.all(
      readers.map(async (reader) => {
        const decision = await decide(reader);
        return redeem(reader, decision.body.offers[0].token);
      }),
    );
    expect(answers.map(({ status }) => status)).toEqual(readers.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.action.url)).size).toBe(20);
  });

  test("writes the events of decisions together, after the answers", async () => {
    const client = createClient({ url: database.url });
    const batches = async () => Number((await client.execute("select count(*) as n from event_batches")).rows[0]?.n);
    const before = await batches();
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => decide(`event-${i}@example.com`)));
    const found = async () => {
      const events = await Promise.all(answers.map(({ body }) => ask("GET", `/api/v1/events/${body.eventId}`)));
      return events.filter(({ status }) => status === 200).length;
    };
    await expect.poll(found, { timeout: 10_000 }).toBe(40);
    expect((await batches()) - before).toBeLessThan(20);
    client.close();
  });

  test("goes on for others where visitors leave in the middle", async () => {
    const reader = "leaver@example.com";
    const { offers } = (await decide(reader)).body;
    const left = Array.from({ length: 12 }, async (_, i) => {
      const leaving = new AbortController();
      const asked = redeem(reader, offers[0].token, { signal: leaving.signal });
      setTimeout(() => leaving.abort(), 4 * i);
      return asked.then(
        () => "answered",
        () => "left",
      );
    });
    expect(await Promise.all(left)).toContain("left");
    const answers = await Promise.all(Array.from({ length: 5 }, () => redeem(reader, offers[0].token)));
    expect(answers.map(({ body }) => body.status)).toEqual(answers.map(() => "success"));
    expect(new Set(answers.map(({ body }) => body.action.url)).size).toBe(1);
    expect((await decide("after@example.com")).status).toBe(200);
  });

  test("tries to send a webhook as soon as the answer is given", async () => {
    const { endpoint } = (await manage("POST", "webhook-endpoints", { body: { url: "https://127.0.0.1/" } })).body;
    await manage("POST", `webhook-endpoints/${endpoint.id}/ping`, { body: {} });
    const tries = async () => {
      const { deliveries } = (await manage("GET", `webhook-endpoints/${endpoint.id}/deliveries`)).body;
      return deliveries[0].attempts.map(({ error }: { error: string }) => error);
    };
    await expect.poll(tries, { timeout: 10_000 }).toEqual(["private_address"]);
    await manage("DELETE", `webhook-endpoints/${endpoint.id}`);
  });

  test("saves what needs no compiler, and says what to do with a workflow that does", async () => {
    const { config } = (await manage("GET", "config")).body;
    const variables = { ...config.variables, SHOWN: "1" };
    const saved = await manage("PUT", "config", { body: { ...config, variables } });
    expect(saved).toMatchObject({ status: 200, body: { changed: true } });
    const [method, ...others] = config.redemptionMethods;
    const redemptionMethods = [{ ...method, workflow: `${method.workflow}\n// changed` }, ...others];
    const refusal = { statusCode: 501, code: "compiler_unavailable", message: expect.stringContaining("Node server") };
    const refused = await manage("PUT", "config", { body: { ...config, redemptionMethods } });
    expect(refused.body).toMatchObject(refusal);
    const body = { workflow: "export default () => 1;" };
    const checked = await manage("POST", `redemption-methods/${method.slug}/check`, { body });
    expect(checked.body).toMatchObject(refusal);
    const tried = await manage("POST", `redemption-methods/${method.slug}/try`, {
      body: { identifier: "tester", userType: "anonymous" },
    });
    expect(tried.body).toMatchObject({ status: "success", run: { result: { success: false, statusCode: 401 } } });
  });

  test("checks what an operator saves against JSON Schemas", async () => {
    const { config } = (await manage("GET", "config")).body;
    const priceSchema = (type: string) => ({
      id: "acme:priced@1.0",
      purpose: "offer-presentation",
      jsonSchema: { type: "object", required: ["price"], properties: { price: { type } } },
    });
    const offers = config.offers.map((offer: { slug: string }) =>
      offer.slug === "premium" ? { ...offer, presentationSchema: "acme:priced@1.0" } : offer,
    );
    const check = (schema: object) =>
      manage("PUT", "config?dryRun=true", { body: { ...config, offers, schemas: [schema] } });
    expect(await check(priceSchema("string"))).toMatchObject({ status: 200, body: { changed: true } });
    const refused = await check(priceSchema("number"));
    expect(refused).toMatchObject({ status: 422, body: { issues: [{ path: "offers.0.presentation.price" }] } });
  });

  test("runs its tasks when the cron trigger comes, once a minute for all, and when it is told to", async () => {
    await worker.scheduled();
    await worker.scheduled();
    const told = await ask("POST", "/api/v1/manage/tasks/reconcile/run", { key: shop.base.adminToken });
    expect(told.body).toMatchObject({ ran: true, outcome: { ok: true } });
    const { tasks } = (await ask("GET", "/api/v1/manage/tasks", { key: shop.base.adminToken })).body;
    expect(tasks).toMatchObject([
      { name: "reconcile", state: "idle", outcome: { ok: true } },
      { name: "prune", state: "idle", outcome: { ok: true } },
    ]);
  });
});

test("what one Worker changes another knows within a second", async () => {
  const other = await startWorker({ settings });
  const { key, id } = (await manage("POST", "keys", { at: other.url, body: { kind: "sk", label: "new" } })).body;
  expect((await decide("known@example.com", { key })).status).toBe(200);
  expect((await manage("DELETE", `keys/${id}`, { at: other.url })).status).toBe(200);
  await expect.poll(async () => (await decide("known@example.com", { key })).status, { timeout: 5000 }).toBe(401);
  await other.stop();
});

test("guesses at one address are refused after too many, by Workers that hear of each other", async () => {
  const most = 30;
  const limited = { ...settings, RATE_LIMIT_FAILURES: String(most) };
  const [first, second] = [await startWorker({ settings: limited }), await startWorker({ settings: limited })];
  const guess = async ({ url }: RunningWorker, from = "203.0.113.7") => {
    const headers = { authorization: "Bearer sk_wrong", "cf-connecting-ip": from };
    return (await fetch(`${url}/api/v1/events/evt_none`, { headers })).status;
  };
  await untilEarlyInAMinute();
  const answers = [];
  for (let i = 0; i <= most; i++) answers.push(await guess(first));
  expect(answers).toEqual([...Array.from({ length: most }, () => 401), 429]);
  expect(await guess(first, "203.0.113.8")).toBe(401);
  let guesses = 0;
  const refused = async () => {
    guesses++;
    // each tells the others after an answer, once a second
    await guess(first);
    return guess(second);
  };
  await expect.poll(refused, { timeout: 10_000, interval: 400 }).toBe(429);
  expect(guesses).toBeLessThan(most);
  await first.stop();
  await second.stop();
}, 40_000);

/** So that what follows falls into one window. */
async function untilEarlyInAMinute(): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left));
}

test("a database that hangs is told as what it is, decisions go on without it, and it is used again", async () => {
  const own = await startWorker({ settings });
  const anonymous = () => {
    const body = { surfaceSlug: shop.base.surfaceSlug, identity: { anonymousIdentifier: "someone" } };
    return ask("POST", "/api/v1/surface-decisions", { body, at: own.url });
  };
  expect((await anonymous()).status).toBe(200);
  database.pause();
  const answers = await Promise.all([anonymous(), ask("GET", "/api/v1/events/evt_none", { at: own.url })]);
  expect(answers.map(({ status }) => status)).toEqual([200, 503]);
  database.resume();
  const status = async () => (await ask("GET", "/api/v1/events/evt_none", { at: own.url })).status;
  await expect.poll(status, { timeout: 20_000 }).toBe(404);
  await own.stop();
}, 40_000);

describe("a Worker that cannot begin", () => {
  test("says in its log what is missing, and nothing of it to visitors", async () => {
    const bare = await startWorker();
    const answer = await fetch(`${bare.url}/healthz`);
    const body = { statusCode: 500, code: "internal_error", message: "The server cannot begin: its log says why" };
    expect([answer.status, await answer.json()]).toEqual([500, { status: "error", ...body }]);
    for (const name of ["SCRIP_MASTER_KEY", "SCRIP_ADMIN_TOKEN", "PUBLIC_URL"])
      await expect.poll(bare.log).toContain(name);
    await bare.stop();
  });

  test("is in production unless it is told otherwise: no stand-in takes Stripe's place", async () => {
    const { NODE_ENV: _development, ...undecided } = settings;
    const open = await startWorker({ settings: { ...undecided, SCRIP_ADMIN_TOKEN: "a".repeat(40) } });
    expect((await fetch(`${open.url}/healthz`)).status).toBe(500);
    await expect.poll(open.log).toContain("STRIPE_API_URL is set");
    await open.stop();
  });

  test("needs a database that speaks HTTP", async () => {
    const file = await startWorker({ settings: { ...settings, DATABASE_URL: "file:/data/scrip.db" } });
    expect((await fetch(`${file.url}/healthz`)).status).toBe(500);
    await expect.poll(file.log).toContain("DATABASE_URL must be a libSQL server's");
    await file.stop();
  });

  test("says that the database does not answer, and is alive all the same", async () => {
    const alone = await startWorker({ settings: { ...settings, DATABASE_URL: "http://127.0.0.1:1" } });
    expect((await fetch(`${alone.url}/healthz`)).status).toBe(200);
    expect((await decide("reader@example.com", { at: alone.url })).body).toMatchObject({ code: "storage_unavailable" });
    await alone.stop();
  });

  test("with another master key than the database's serves nobody", async () => {
    const stranger = await startWorker({ settings: { ...settings, SCRIP_MASTER_KEY: "n".repeat(40) } });
    expect((await decide("reader@example.com", { at: stranger.url })).status).toBe(500);
    await expect.poll(stranger.log).toContain("SCRIP_MASTER_KEY is not the key that this database was begun with");
    await stranger.stop();
  });
});

test("a Worker migrates an empty database, and its admin token opens it", async () => {
  const empty = await startLibsqlServer();
  const token = "a".repeat(40);
  const first = await startWorker({
    settings: { ...settings, DATABASE_URL: empty.url, SCRIP_ADMIN_TOKEN: token },
  });
  const all = Array.from({ length: 5 }, () => ask("GET", "/api/v1/manage/environments", { at: first.url, key: token }));
  for (const answer of await Promise.all(all)) expect(answer.body).toEqual({ status: "success", environments: [] });
  await first.stop();
  await empty.stop();
});
