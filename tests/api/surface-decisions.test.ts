import * as v from "valibot";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SurfaceDecision } from "../../schemas/decision.ts";
import { ask, decideFor } from "../fakes/requests.ts";
import { createWorld, origin, type World } from "../fakes/world.ts";
import { eventOf, expectRefusal, tracesOf, uuid } from "./answers.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld({
    config: (config) => ({
      ...config,
      experiences: [
        ...config.experiences,
        { slug: "hello", type: "html", html: "<p>Hello</p>" },
        { slug: "card", type: "app", schema: "acme:card@1.0", props: { tone: "warm" } },
      ],
      surfaces: [
        ...config.surfaces,
        { slug: "empty" },
        {
          slug: "plain",
          components: [
            { slug: "nothing", metadata: { note: "kept" } },
            {
              slug: "greeting",
              cssSelector: "h1",
              metadata: { note: "kept", cssSelector: "overruled" },
              slots: [
                { key: "text", experience: "hello" },
                { key: "app", experience: "card" },
                { key: "vacant", experience: null },
              ],
            },
          ],
        },
      ],
    }),
  });
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const decideOn = (surfaceSlug: string, more: object = {}) =>
  ask(world, "POST", "/api/v1/surface-decisions", {
    body: { surfaceSlug, identity: { createAnonymousIdentifier: true }, ...more },
  });

describe("a surface decision answers", () => {
  test.each(["web", "empty", "plain"])(
    "with every member, and none that its schema lacks, for the surface %s",
    async (slug) => {
      const { status, body } = await decideOn(slug);
      expect(status).toBe(200);
      expect(v.parse(SurfaceDecision, body)).toEqual(body);
      expect(Object.keys(body).toSorted()).toEqual([
        "componentBehaviors",
        "componentsSkipped",
        "customer",
        "eventId",
        "features",
        "identity",
        "offers",
        "status",
        "surfaceBehavior",
      ]);
    },
  );

  test("with explain as one more member, only when it is asked for", async () => {
    const { body } = await decideOn("web", { explain: true });
    expect(v.parse(SurfaceDecision, body)).toEqual(body);
    expect(body.explain).toHaveLength(1);
  });

  test("with empty content for components whose slots hold nothing, and their metadata", async () => {
    const { body } = await decideOn("plain");
    expect(body.componentBehaviors).toEqual({
      nothing: { content: {}, properties: {}, metadata: { note: "kept" } },
      greeting: {
        content: {
          append: [
            { type: "html", content: '<div data-experience="hello"><p>Hello</p></div>' },
            { type: "element", schema: "acme:card@1.0", props: { tone: "warm" } },
          ],
        },
        properties: {},
        metadata: { note: "kept", cssSelector: "h1" },
      },
    });
    expect(body.offers).toEqual([]);
  });

  test("with a new eventId each time, under which the decision is recorded", async () => {
    const [first, second] = await Promise.all([decideOn("web"), decideOn("web")]);
    expect(first.body.eventId).toMatch(uuid);
    expect(first.body.eventId).not.toBe(second.body.eventId);
    const event = await eventOf(world, first.body.eventId);
    expect(event).toMatchObject({
      type: "surface-decision",
      status: "success",
      environmentId: "env_preview",
      identifier: first.body.identity.identifier,
      createdAt: "2026-03-01T12:00:00.000Z",
    });
    expect(event.data.request.surfaceSlug).toBe("web");
    expect(event.data.response.offers[0].id).toBe(first.body.offers[0].id);
  });

  test("with an event that holds neither the token nor the visitor's cookies", async () => {
    const http = { url: "https://news.example.com/a", cookies: { session: "cookie-of-the-visitor" } };
    const { body } = await decideOn("web", { http });
    const text = JSON.stringify(await eventOf(world, body.eventId));
    expect(text).toContain("https://news.example.com/a");
    expect(text).not.toContain("cookie-of-the-visitor");
    expect(text).not.toContain(body.offers[0].token);
  });

  test("and ignores unknown fields outside identity", async () => {
    const { status, body } = await decideOn("web", {
      surprise: { deep: [1] },
      http: { url: "https://news.example.com/", novelty: true },
      resource: { id: "article-1", section: "politics" },
      cloudflare: { cf: { country: "GB", novelty: 1 }, novelty: 2 },
      fastly: { novelty: 3 },
    });
    expect(status).toBe(200);
    expect(body).not.toHaveProperty("surprise");
  });

  test("a page with a public key from an allowed origin", async () => {
    const { status, body } = await ask(world, "POST", "/api/v1/surface-decisions", {
      key: world.publicKey,
      headers: { origin },
      body: { surfaceSlug: "web", identity: { anonymousIdentifier: "anon_page" }, http: { url: "https://a.example" } },
    });
    expect(status).toBe(200);
    expect(body.offers).toHaveLength(1);
    expect(v.parse(SurfaceDecision, body)).toEqual(body);
  });
});

describe("the identity of a decision", () => {
  test("is provided when a secret key names the user", async () => {
    const { body } = await decideFor(world, { userIdentifier: "user_12345" });
    expect(body.identity).toEqual({
      authType: "provided",
      isAuthenticated: true,
      identifier: "user_12345",
      jwtClaims: {},
    });
  });

  test("is the anonymous one that was sent", async () => {
    const { body } = await decideFor(world, { anonymousIdentifier: "anon_session_789" });
    expect(body.identity).toEqual({
      authType: "anonymous",
      isAuthenticated: false,
      identifier: "anon_session_789",
      jwtClaims: {},
    });
  });

  test("is minted anew for each request that asks for it", async () => {
    const { body: first } = await decideFor(world, { createAnonymousIdentifier: true });
    const { body: second } = await decideFor(world, { createAnonymousIdentifier: true });
    expect(first.identity).toEqual({
      authType: "anonymous",
      isAuthenticated: false,
      identifier: expect.stringMatching(/^anon_\S{20,}$/),
      jwtClaims: {},
    });
    expect(second.identity.identifier).not.toBe(first.identity.identifier);
  });
});

describe("a surface decision refuses", () => {
  test.each(["unknown", "WEB", "web ", "__proto__", "constructor", "toString"])(
    "the surface %j, which does not exist",
    async (surfaceSlug) => {
      const before = await tracesOf(world);
      expectRefusal(await decideOn(surfaceSlug), { status: 404, code: "surface_not_found" });
      expect(await tracesOf(world)).toEqual(before);
    },
  );
});

describe("a dry run", () => {
  test("answers like a real one and records no event", async () => {
    const before = await tracesOf(world);
    const { status, body } = await decideOn("web", { dryRun: true });
    expect(status).toBe(200);
    expect(v.parse(SurfaceDecision, body)).toEqual(body);
    expect(body.offers).toHaveLength(1);
    expect(await tracesOf(world)).toEqual(before);
    expectRefusal(await ask(world, "GET", `/api/v1/events/${body.eventId}`), { status: 404, code: "event_not_found" });
  });
});
