import { once } from "node:events";
import { serve } from "@hono/node-server";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memberJwtLifeMs, publishedAheadMs } from "../../engine/member-keys.ts";
import { sessionIdleMs, sessionLifeMs } from "../../engine/member-sessions.ts";
import { MemberJwtClaims } from "../../schemas/member-jwt.ts";
import { EntitlementsAnswer } from "../../schemas/sales.ts";
import { grant, signIn } from "../fakes/members.ts";
import { ask } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { markedBlock, markedTable, plain, readDocument } from "./marked-blocks.ts";

const page = readDocument("docs/access.md");
const minuteMs = 60_000;
const dayMs = 86_400_000;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test("the access check of the page is answered as the page shows", async () => {
  const nowMs = world.clock.now();
  await grant(world, { identifier: "reader@example.com", endedAt: nowMs + 31 * dayMs });
  const { body } = await ask(world, "POST", "/api/v1/access-checks", { body: markedBlock(page, "check request") });
  const shown = JSON.parse(markedBlock(page, "check answer"));
  const [entitlement] = body.entitlements;
  shown.eventId = body.eventId;
  shown.entitlements[0].id = entitlement.id;
  shown.entitlements[0].resource.id = entitlement.resource.id;
  expect(body).toEqual(shown);
});

test("the table of claims has the claims of a member JWT", () => {
  const named = markedTable(page, "claims")
    .slice(1)
    .flatMap(([cell]) => (cell ?? "").split(", ").map(plain));
  expect(named.toSorted()).toEqual(Object.keys(MemberJwtClaims.entries).toSorted());
});

test("the table of lifetimes is as long as they are", () => {
  const lifetimes = markedTable(page, "lifetimes")
    .slice(1)
    .map(([, life]) => life);
  expect(lifetimes).toEqual([
    expect.stringMatching(`^${memberJwtLifeMs / minuteMs} minutes\\b`),
    `${publishedAheadMs / minuteMs} minutes`,
    `${sessionIdleMs / dayMs} days`,
    `${sessionLifeMs / dayMs} days`,
  ]);
});

test("the words of include are those that the reference names", () => {
  const reference = readDocument("docs/http-api.md");
  for (const word of ["plan", "offer", "purchase", "revoked_at"]) {
    expect(EntitlementsAnswer.entries.entitlements.item.entries).toHaveProperty(word);
    expect(reference).toContain(`\`${word}\``);
  }
});

describe("the edge worker of the page, run against this server,", () => {
  const Worker = v.object({ default: v.object({ fetch: v.function() }) });
  let url: string;
  let stop: () => void;
  let worker: (request: Request) => Promise<Response>;

  beforeAll(async () => {
    // the worker reads the time of day
    world.clock.set(Date.now());
    const server = serve({ fetch: world.app.fetch, hostname: "127.0.0.1", port: 0, overrideGlobalObjects: false });
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    url = `http://127.0.0.1:${address.port}`;
    world.engine.publicUrl = url;
    stop = () => server.close();
    worker = await run(markedBlock(page, "edge worker"));
  });
  afterAll(() => stop());

  /** The block as it stands, with this server's address and environment for those of the example. */
  async function run(block: string): Promise<typeof worker> {
    const source = block
      .replace('"https://offers.example.com"', JSON.stringify(url))
      .replace('"env_live"', JSON.stringify(world.environmentId))
      .replace('from "jose"', `from ${JSON.stringify(import.meta.resolve("jose"))}`);
    // the same text would be the same module, with the keys that it has fetched
    const unique = `${source}\n// ${crypto.randomUUID()}`;
    const module: unknown = await import(`data:text/javascript,${encodeURIComponent(unique)}`);
    const handler = v.parse(Worker, module).default.fetch;
    return async (request) => v.parse(v.instance(Response), await handler(request));
  }

  const visit = (jwt?: string) =>
    worker(new Request(`${url}/healthz`, jwt === undefined ? {} : { headers: { authorization: `Bearer ${jwt}` } }));
  const jwtOf = async (identifier: string) => (await signIn(world, identifier)).jwt;

  test("lets a member through who has the product", async () => {
    await grant(world, { identifier: "has-digital" });
    const answer = await visit(await jwtOf("has-digital"));
    expect([answer.status, await answer.json()]).toEqual([200, { status: "ok" }]);
  });

  test("stops a visitor, a member without the product, and one whose product is over", async () => {
    await grant(world, { identifier: "has-print", product: "print" });
    await grant(world, { identifier: "had-digital", startedAt: 0, endedAt: world.clock.now() - 1 });
    const answers = [await visit(), await visit(await jwtOf("has-print")), await visit(await jwtOf("had-digital"))];
    expect(answers.map(({ status }) => status)).toEqual([402, 402, 402]);
  });

  test("stops a JWT that is over, forged, or of another environment or server", async () => {
    world.clock.set(Date.now() - 16 * minuteMs);
    const over = await jwtOf("has-digital");
    world.clock.set(Date.now());
    const good = await jwtOf("has-digital");
    world.engine.publicUrl = "https://elsewhere.example";
    const elsewhere = await jwtOf("has-digital");
    world.engine.publicUrl = url;
    const forged = good.replace(/\.[^.]+\./, `.${elsewhere.split(".")[1]}.`);
    for (const jwt of [over, elsewhere, forged, `${good}x`, "hello"]) expect((await visit(jwt)).status).toBe(402);
    expect((await visit(good)).status).toBe(200);
  });

  test("goes on through a rotation: among the keys that it fetched the next one is already", async () => {
    const fresh = await run(markedBlock(page, "edge worker"));
    const headers = async () => ({ authorization: `Bearer ${await jwtOf("has-digital")}` });
    await world.engine.memberKeys.rotate();
    expect((await fresh(new Request(`${url}/healthz`, { headers: await headers() }))).status).toBe(200);
    world.clock.set(Date.now() + 5 * minuteMs);
    const next = new Request(`${url}/healthz`, { headers: await headers() });
    expect((await fresh(next)).status).toBe(200);
    world.clock.set(Date.now());
  });
});
