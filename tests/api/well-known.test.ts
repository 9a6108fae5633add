import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { beforeEach, describe, expect, test } from "vitest";
import { ensureAdminToken } from "../../engine/admin.ts";
import { memberKeys } from "../../schemas/sales-tables.ts";
import { signIn } from "../fakes/members.ts";
import { type Answer, ask } from "../fakes/requests.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

const minute = 60_000;
const jwksPath = "/.well-known/jwks.json";

let world: World;
const others: World[] = [];
beforeEach(async () => {
  world = await createWorld();
  return () => Promise.all([...others.splice(0), world].map((one) => one.close()));
});

const get = (path: string, at = world): Promise<Answer> => ask(at, "GET", path, { key: null });
const rotate = (key: string | null = world.adminToken, at = world) =>
  ask(at, "POST", "/api/v1/manage/member-keys/rotate", { key });
const kids = async (at = world): Promise<string[]> =>
  (await get(jwksPath, at)).body.keys.map(({ kid }: { kid: string }) => kid);
const signer = async (at = world) => decodeProtectedHeader((await signIn(at, "reader")).jwt).kid;

/** Another process of the same database, with its own clock. */
async function another(): Promise<World> {
  const second = await createWorld({ file: world.file, stripe: world.stripe });
  others.push(second);
  return second;
}

describe("/.well-known/jwks.json", () => {
  test("has the public key alone, for everybody, and may be kept for 5 minutes", async () => {
    const { status, body, headers } = await get(jwksPath);
    expect(status).toBe(200);
    const coordinate = expect.stringMatching(/^[\w-]{43}$/);
    const kid = expect.stringMatching(/^m_\w{12}$/);
    expect(body).toEqual({
      keys: [{ kty: "EC", crv: "P-256", x: coordinate, y: coordinate, kid, alg: "ES256", use: "sig" }],
    });
    expect(headers.get("cache-control")).toBe("public, max-age=300");
    expect(headers.get("access-control-allow-origin")).toBe("*");
    expect(headers.get("content-type")).toContain("application/json");
  });

  test("verifies a member JWT with a library that knows nothing of this server", async () => {
    const { jwt } = await signIn(world, "reader");
    const { body: discovery } = await get("/.well-known/openid-configuration");
    const { body } = await get(new URL(discovery.jwks_uri).pathname);
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(body), {
      issuer: discovery.issuer,
      audience: world.environmentId,
      algorithms: discovery.id_token_signing_alg_values_supported,
      currentDate: new Date(world.clock.now()),
    });
    expect(payload.sub).toBe("reader");
  });

  test("has the key that signs, also where it is asked for first", async () => {
    const published = await kids();
    expect([await signer()]).toEqual(published);
  });
});

test("/.well-known/openid-configuration says where the keys are, and claims nothing that is not so", async () => {
  const { status, body, headers } = await get("/.well-known/openid-configuration");
  expect(status).toBe(200);
  expect(body).toEqual({
    issuer: "https://scrip.test",
    jwks_uri: "https://scrip.test/.well-known/jwks.json",
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
    claims_supported: ["sub", "iss", "aud", "iat", "exp", "jti", "products", "sid"],
  });
  expect(headers.get("cache-control")).toBe("public, max-age=300");
  expect(headers.get("access-control-allow-origin")).toBe("*");
});

describe("the first key", () => {
  test("is one, although many ask for it at once in one process", async () => {
    const found = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? kids() : signer().then((kid) => [kid]))),
    );
    expect(new Set(found.flat()).size).toBe(1);
  });

  test("is one, although two servers start at once", async () => {
    const second = await another();
    const found = await Promise.all([signer(), signer(second), kids(), kids(second), signer(second)]);
    expect(new Set(found.flat()).size).toBe(1);
    expect(await world.engine.storage.db.$count(memberKeys)).toBe(1);
  });

  test("is kept sealed, and is the same after a restart", async () => {
    const kid = await signer();
    const [row] = await world.engine.storage.db.select().from(memberKeys);
    expect(row?.privateJwkSealed).toMatch(/^v1\.[\w-]+\.[\w-]+$/);
    expect(JSON.stringify(row)).not.toMatch(/"d"/);
    expect(await signer(await another())).toBe(kid);
  });

  test("cannot be exported from memory", async () => {
    const { privateKey } = await world.engine.memberKeys.signing();
    await expect(crypto.subtle.exportKey("jwk", privateKey)).rejects.toThrow();
  });
});

describe("a rotation", () => {
  let before: string | undefined;
  let answer: Answer;
  beforeEach(async () => {
    before = await signer();
    answer = await rotate();
  });

  test("publishes the new key at once, which signs from 5 minutes later", async () => {
    const { status, body } = answer;
    const signsFrom = new Date(world.clock.now() + 5 * minute).toISOString();
    expect([status, body]).toEqual([200, { status: "success", kid: expect.any(String), signsFrom }]);
    expect(await kids()).toEqual([before, body.kid]);
    world.clock.advance(5 * minute - 1);
    expect(await signer()).toBe(before);
    world.clock.advance(1);
    expect(await signer()).toBe(body.kid);
  });

  test("publishes the old key for as long as something that it signed may be good", async () => {
    world.clock.advance(5 * minute - 1000);
    const { jwt } = await signIn(world, "reader");
    world.clock.advance(15 * minute - 1);
    expect((await ask(world, "GET", "/api/v1/entitlements", { key: jwt })).status).toBe(200);
    expect(await kids()).toContain(before);
    world.clock.advance(minute + 1000);
    expect(await kids()).toContain(before);
    world.clock.advance(1);
    expect(await kids()).toEqual([answer.body.kid]);
  });

  test("twice in a row ends with the last one, in the order of their making", async () => {
    const { body: second } = await rotate();
    expect(Date.parse(second.signsFrom)).toBeGreaterThan(Date.parse(answer.body.signsFrom));
    expect(await kids()).toEqual([before, answer.body.kid, second.kid]);
    world.clock.advance(6 * minute);
    expect(await signer()).toBe(second.kid);
    world.clock.advance(30 * minute);
    expect(await kids()).toEqual([second.kid]);
  });

  test("of two processes at once ends with one key in force in both", async () => {
    const second = await another();
    await Promise.all([rotate(), rotate(second.adminToken, second)]);
    expect(await kids()).toEqual(await kids(second));
    for (const one of [world, second]) one.clock.set(world.clock.now() + 10 * minute);
    expect(await signer()).toBe(await signer(second));
  });

  test("deletes what was retired long ago", async () => {
    world.clock.advance(60 * minute);
    await rotate();
    const rows = await world.engine.storage.db.select().from(memberKeys);
    expect(rows.map(({ kid }) => kid)).not.toContain(before);
  });

  test("is published by another process at once, which accepts what the new key signed", async () => {
    const second = await another();
    expect(await signer(second)).toBe(before);
    const { kid } = (await rotate()).body;
    expect(await kids(second)).toContain(kid);
    world.clock.advance(10 * minute);
    const third = await rotate();
    world.clock.advance(10 * minute);
    second.clock.set(world.clock.now());
    const { jwt } = await signIn(world, "reader");
    expect(decodeProtectedHeader(jwt).kid).toBe(third.body.kid);
    expect((await ask(second, "GET", "/api/v1/entitlements", { key: jwt })).status).toBe(200);
  });

  test("is found by its unknown kid in a process that has just looked", async () => {
    const second = await another();
    await second.engine.memberKeys.refresh();
    const { kid } = (await rotate()).body;
    expect((await second.engine.memberKeys.verifying(kid))?.kid).toBe(kid);
    expect(await second.engine.memberKeys.verifying("m_nothing")).toBeUndefined();
  });

  test("is followed by a process that nobody told, before it signs", async () => {
    const second = await another();
    expect(await signer(second)).toBe(before);
    const { kid } = (await rotate()).body;
    second.clock.advance(5 * minute + 1);
    expect(await signer(second)).toBe(kid);
  });
});

describe("the keys while the database cannot be read", () => {
  const rename = (from: string, to: string) =>
    world.engine.storage.client.execute(`alter table ${from} rename to ${to}`);

  test("are published as memory has them, and are not made up where it has none", async () => {
    const known = await kids();
    const second = await another();
    await rename("member_keys", "member_keys_away");
    expect(await kids()).toEqual(known);
    expect(world.faults.splice(0)).toHaveLength(1);
    expectRefusal(await get(jwksPath, second), { status: 503, code: "storage_unavailable" });
    expect(second.faults).toHaveLength(1);
    await rename("member_keys_away", "member_keys");
  });
});

describe("rotating", () => {
  const tokens = {
    viewer: "adm_viewer-of-the-well-known-tests-000000",
    editor: "adm_editor-of-the-well-known-tests-000000",
  };

  test("needs a publisher, and changes nothing for less", async () => {
    for (const role of ["viewer", "editor"] as const) {
      await ensureAdminToken(world.engine, tokens[role], { label: role, role });
      expectRefusal(await rotate(tokens[role]), { status: 403, code: "role_not_allowed" });
    }
    for (const key of [null, "adm_unknown", world.secretKey, world.publicKey]) {
      expectRefusal(await rotate(key), { status: 401, code: "invalid_admin_token" });
    }
    expect(await world.engine.storage.db.$count(memberKeys)).toBe(0);
    expect((await rotate()).status).toBe(200);
  });

  test("where there is no key makes one that signs at once", async () => {
    const { body } = await rotate();
    expect(await signer()).toBe(body.kid);
  });
});
