import { afterEach, expect, test } from "vitest";
import { closeEngine } from "../../engine/engine.ts";
import { createEventLog, findEvent, type PendingEvent } from "../../engine/events.ts";
import type { Storage } from "../../engine/storage.ts";
import { events } from "../../schemas/tables.ts";
import { ask, decideFor } from "../fakes/requests.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

async function open(): Promise<World> {
  const world = await createWorld();
  worlds.push(world);
  return world;
}

function event(data: () => string, more: Partial<PendingEvent> = {}): PendingEvent {
  return {
    id: crypto.randomUUID(),
    environmentId: "env_preview",
    type: "surface-decision",
    status: "success",
    createdAt: 1,
    data,
    ...more,
  };
}

const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;

test.each([
  ["http", `{"x":${deep}}`],
  ["http", `{"proxyOrigin":{"x":${deep}}}`],
  ["cloudflare", `{"x":${deep}}`],
  ["fastly", `{"x":${deep}}`],
])("%s that is nested without end is refused", async (member, value) => {
  const world = await open();
  const body = `{"surfaceSlug":"web","identity":{"createAnonymousIdentifier":true},"${member}":${value}}`;
  const answer = await ask(world, "POST", "/api/v1/surface-decisions", { body });
  expect([answer.status, answer.body.code]).toEqual([400, "invalid_body"]);
});

test("an event whose details cannot be made is told of and stops no other", async () => {
  const { engine } = await open();
  const faults: string[] = [];
  const log = createEventLog({ ...engine, onFault: (_, what) => faults.push(what) });
  const broken = event(() => {
    throw new RangeError("Maximum call stack size exceeded");
  });
  const whole = event(() => '{"n":1}');
  log.record(broken);
  log.record(whole);
  await log.flush();
  expect((await findEvent(engine.storage, "env_preview", whole.id))?.data).toEqual({ n: 1 });
  expect((await findEvent(engine.storage, "env_preview", broken.id))?.data).toEqual({ lost: true });
  expect(faults).toEqual([`the details of event ${broken.id} are lost`]);
});

test("events that are too large for one text together are written all the same", async () => {
  const { engine } = await open();
  const log = createEventLog(engine);
  const text = JSON.stringify("x".repeat(3_000_000));
  const large = Array.from({ length: 200 }, () => event(() => text));
  for (const one of large) log.record(one);
  await log.flush();
  expect(await engine.storage.db.select({ id: events.id }).from(events)).toHaveLength(200);
});

test("what waits is bounded by its size, not only by its number", async () => {
  const { engine } = await open();
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const storage: Storage = { ...engine.storage, write: async (work) => held.then(() => engine.storage.write(work)) };
  const log = createEventLog({ ...engine, storage });
  const text = JSON.stringify("x".repeat(1_000_000));
  for (let i = 0; i < 100; i++) log.record(event(() => text, { bulky: true }));
  let passed = false;
  const pressure = log.pressure().then(() => {
    passed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(passed).toBe(false);
  letGo();
  await pressure;
  await log.flush();
});

test("flushing ends while others go on recording", async () => {
  const { engine } = await open();
  const log = createEventLog(engine);
  let on = true;
  const traffic = (async () => {
    while (on) {
      log.record(event(() => "{}"));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const own = event(() => '{"own":true}');
  log.record(own);
  await log.flush();
  expect((await findEvent(engine.storage, "env_preview", own.id))?.data).toEqual({ own: true });
  on = false;
  await traffic;
  await log.flush();
});

test("refused redemptions wait, too, while events cannot be written", async () => {
  const world = await open();
  let asked = 0;
  const { pressure } = world.engine.events;
  world.engine.events.pressure = () => {
    asked += 1;
    return pressure();
  };
  const body = { identity: { userIdentifier: "a" }, offerToken: "not a token" };
  expect((await ask(world, "POST", "/api/v1/offer-redemptions", { body })).status).toBe(400);
  expect(asked).toBe(1);
});

test.each(["\\ud800", "\\udc00\\ud800", "a\\udfff"])(
  "the identifier %s, which a database cannot tell from others, is refused",
  async (identifier) => {
    const world = await open();
    for (const form of ["anonymousIdentifier", "userIdentifier"]) {
      const body = `{"surfaceSlug":"web","identity":{"${form}":"${identifier}"}}`;
      const answer = await ask(world, "POST", "/api/v1/surface-decisions", { body, headers: { origin } });
      expect([answer.status, answer.body.code]).toEqual([400, "invalid_body"]);
    }
  },
);

test("an identifier that is not well-formed can be read back from an event", async () => {
  const { engine } = await open();
  const one = event(() => "{}", { identifier: "a\ud800" });
  engine.events.record(one);
  await engine.events.flush();
  expect((await findEvent(engine.storage, "env_preview", one.id))?.identifier).toBe("a\ufffd");
});

test("closing tries again where the database refuses for a moment", async () => {
  const world = await createWorld();
  const { engine } = world;
  const decision = await decideFor(world, { userIdentifier: "a" });
  const { flush } = engine.events;
  let refusals = 2;
  engine.events.flush = () => (refusals-- > 0 ? Promise.reject(new Error("SQLITE_BUSY")) : flush());
  await closeEngine(engine);
  const again = await createWorld({ file: world.file, stripe: world.stripe });
  worlds.push(again);
  expect((await ask(again, "GET", `/api/v1/events/${decision.body.eventId}`)).status).toBe(200);
});
