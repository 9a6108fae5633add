import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { createKey } from "../../engine/keys.ts";
import { type MemberSession, pruneSessions, refreshSession } from "../../engine/member-sessions.ts";
import { entitlements, memberSessions } from "../../schemas/sales-tables.ts";
import { environmentOf, grant, signIn } from "../fakes/members.ts";
import { type Answer, type Ask, ask, decideFor } from "../fakes/requests.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const day = 86_400_000;
const ended = { status: 401, code: "member_session_ended" } as const;
const invalid = { status: 401, code: "invalid_user_jwt" } as const;

let world: World;
let startMs: number;
let otherKey: string;
let session: MemberSession;
beforeAll(async () => {
  world = await createWorld();
  startMs = world.clock.now();
  await createEnvironment(world.engine, { id: "env_other", name: "Other" });
  otherKey = (await createKey(world.engine, "env_other", "sk", "other")).key;
});
afterAll(() => world.close());
beforeEach(async () => {
  world.clock.set(startMs);
  session = await signIn(world, "reader_1");
});
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const send = (what: "refresh" | "logout", refreshToken: unknown, more: Ask = {}): Promise<Answer> =>
  ask(world, "POST", `/api/v1/members/${what}`, { body: { refreshToken }, ...more });
const refresh = (refreshToken: unknown = session.refreshToken, more: Ask = {}) => send("refresh", refreshToken, more);
const logout = (refreshToken: unknown = session.refreshToken, more: Ask = {}) => send("logout", refreshToken, more);
const own = (jwt: string) => ask(world, "GET", "/api/v1/entitlements", { key: jwt });
const page = () => ({ key: world.publicKey, headers: { origin } });

describe("a refresh", () => {
  test("gets a fresh member JWT and the same refresh token", async () => {
    world.clock.advance(10 * 60_000);
    const { status, body, headers } = await refresh();
    expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(body).toEqual({
      status: "success",
      jwt: expect.any(String),
      expiresAt: new Date(startMs + 25 * 60_000).toISOString(),
      refreshToken: session.refreshToken,
    });
    const [before, after] = [decodeJwt(session.jwt), decodeJwt(body.jwt)];
    expect(after).toMatchObject({ sub: "reader_1", sid: before.sid });
    expect(after.jti).not.toBe(before.jti);
    expect((await own(body.jwt)).status).toBe(200);
  });

  test("reads anew what is active: granted since, and revoked since", async () => {
    const refreshed = async () => decodeJwt((await refresh()).body.jwt).products;
    expect(await refreshed()).toEqual([]);
    await grant(world, { identifier: "reader_1", product: "print" });
    await grant(world, { identifier: "reader_1" });
    expect(await refreshed()).toEqual(["digital", "print"]);
    await world.engine.storage.write(async (tx) => tx.update(entitlements).set({ revokedAt: world.clock.now() }));
    expect(await refreshed()).toEqual([]);
  });

  test("works for ten tabs at once", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh()));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    for (const { body } of answers) expect((await own(body.jwt)).status).toBe(200);
    expect((await refresh(answers[0]?.body.refreshToken)).status).toBe(200);
  });

  test("is a page's to ask for, from an allowed origin, and the page may read it", async () => {
    const { status, headers } = await refresh(session.refreshToken, page());
    expect([status, headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
    const elsewhere = { key: world.publicKey, headers: { origin: "https://evil.example" } };
    expectRefusal(await refresh(session.refreshToken, elsewhere), { status: 403, code: "origin_not_allowed" });
    expectRefusal(await refresh(session.refreshToken, { key: null }), { status: 401, code: "invalid_api_key" });
  });

  test("keeps a session that is used at least every 30 days", async () => {
    world.clock.advance(30 * day - 1);
    expect((await refresh()).status).toBe(200);
    world.clock.advance(30 * day - 1);
    expect((await refresh()).status).toBe(200);
    world.clock.advance(30 * day);
    expectRefusal(await refresh(), ended);
  });

  test("keeps no session longer than 180 days, and no member JWT past it", async () => {
    for (let days = 20; days < 180; days += 20) {
      world.clock.set(startMs + days * day);
      expect((await refresh()).status, `${days} days`).toBe(200);
    }
    world.clock.set(startMs + 180 * day - 60_000);
    const { body } = await refresh();
    expect(body.expiresAt).toBe(new Date(startMs + 180 * day).toISOString());
    world.clock.set(startMs + 180 * day);
    expectRefusal(await refresh(), ended);
  });

  test.each(["", "x".repeat(513), 7, null, undefined])("is refused for the token %j", async (token) => {
    const answer = await send("refresh", token);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_body"]);
  });

  test("is refused for a token that is none, for another environment's, and for a member JWT", async () => {
    expectRefusal(await refresh("refresh_nothing"), ended);
    expectRefusal(await refresh(session.jwt), ended);
    expectRefusal(await refresh(session.refreshToken, { key: otherKey }), ended);
    expect((await refresh()).status).toBe(200);
  });
});

describe("signing out", () => {
  test("ends the session and its member JWTs, at once and for good", async () => {
    const { jwt } = (await refresh()).body;
    const { status, body } = await logout(session.refreshToken, page());
    expect([status, body]).toEqual([200, { status: "success" }]);
    expectRefusal(await refresh(), ended);
    for (const token of [session.jwt, jwt]) {
      expectRefusal(await own(token), invalid);
      expectRefusal(await decideFor(world, { userJwt: token }), invalid);
    }
  });

  test("ends this session alone, and a second time changes nothing", async () => {
    const other = await signIn(world, "reader_1");
    await logout();
    expect((await logout()).status).toBe(200);
    expect((await logout("refresh_nothing")).status).toBe(200);
    expect((await refresh(other.refreshToken)).status).toBe(200);
    expect((await own(other.jwt)).status).toBe(200);
  });

  test("with another environment's key ends nothing", async () => {
    expect((await logout(session.refreshToken, { key: otherKey })).status).toBe(200);
    expect((await refresh()).status).toBe(200);
  });

  test("while ten tabs refresh leaves no session that goes on", async () => {
    const answers = await Promise.all([...Array.from({ length: 5 }, () => refresh()), logout(), refresh(), refresh()]);
    expectRefusal(await refresh(), ended);
    for (const { body } of answers) if (body.jwt !== undefined) expectRefusal(await own(body.jwt), invalid);
  });

  test("in one process is heard of in another at once", async () => {
    const second = await createWorld({ file: world.file, stripe: world.stripe });
    try {
      expect((await ask(second, "GET", "/api/v1/entitlements", { key: session.jwt })).status).toBe(200);
      await logout();
      expectRefusal(await ask(second, "GET", "/api/v1/entitlements", { key: session.jwt }), invalid);
      await expect(refreshSession(second.engine, await environmentOf(second), session.refreshToken)).rejects.toThrow(
        "The session has ended",
      );
    } finally {
      await second.close();
    }
  });
});

describe("what is kept of a session", () => {
  test("does not have its refresh token or its member JWT", async () => {
    const { body } = await decideFor(world, { userJwt: session.jwt });
    await refresh();
    const rows = JSON.stringify(await world.engine.storage.db.select().from(memberSessions));
    const event = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
    for (const kept of [rows, event.text]) {
      expect(kept).not.toContain(session.refreshToken);
      expect(kept).not.toContain(session.jwt);
    }
    expect(rows).toContain("reader_1");
  });

  test("is pruned when its life is over, and not before", async () => {
    await world.engine.storage.write(async (tx) => tx.delete(memberSessions));
    const [used, unused] = [await signIn(world, "reader_1"), await signIn(world, "reader_1")];
    world.clock.advance(30 * day - 1);
    expect(await pruneSessions(world.engine)).toBe(0);
    await refresh(used.refreshToken);
    world.clock.advance(1);
    expect(await pruneSessions(world.engine)).toBe(1);
    expect((await refresh(used.refreshToken)).status).toBe(200);
    expectRefusal(await refresh(unused.refreshToken), ended);
  });

  test("is pruned however much there is", async () => {
    const old = Array.from({ length: 2500 }, (_, i) => ({
      id: `ses_old_${i}`,
      environmentId: world.environmentId,
      identifier: "x",
      refreshHash: `hash_${i}`,
      createdAt: 0,
      expiresAt: 1,
    }));
    for (let i = 0; i < old.length; i += 500) {
      await world.engine.storage.write(async (tx) => tx.insert(memberSessions).values(old.slice(i, i + 500)));
    }
    expect(await pruneSessions(world.engine)).toBe(2500);
  });
});
