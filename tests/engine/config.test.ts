// Past 250 lines: one world shared by everything that a document goes through, from validation to rollback.
import { and, eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createEnvironment } from "../../engine/create-environment.ts";
import { entityIds, environmentVersions } from "../../schemas/tables.ts";
import { expectRefusal, tracesOf } from "../api/answers.ts";
import { type Answer, ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method, sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { checkoutProblems, formProblems, referenceProblems, workflowProblems } from "./config-problems.ts";
import { richConfig } from "./rich-config.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld({ config: () => richConfig() });
  await createEnvironment(world.engine, { id: "env_second", name: "Second" });
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const manage = (environmentId = "env_preview") => `/api/v1/manage/environments/${environmentId}`;
const pull = async (query = "", environmentId?: string) =>
  (await ask(world, "GET", `${manage(environmentId)}/config${query}`, { key: world.adminToken })).body;
const push = (body: unknown, query = "", environmentId?: string): Promise<Answer> =>
  ask(world, "PUT", `${manage(environmentId)}/config${query}`, { key: world.adminToken, body });
const versions = async () => (await ask(world, "GET", `${manage()}/versions`, { key: world.adminToken })).body.versions;
const named = (name: string) => ({ ...richConfig(), variables: { NAME: name } });

describe("a document is refused, and changes nothing, for", () => {
  let before: Record<string, number>;
  beforeEach(async () => {
    before = await tracesOf(world);
  });
  afterEach(async () => expect(await tracesOf(world)).toEqual(before));

  test.each([...formProblems, ...referenceProblems, ...checkoutProblems])("%s", async (_what, document, problems) => {
    const answer = await push(document, "?dryRun=true");
    const issues = problems.map(([path, message]) => ({ path, message: expect.stringMatching(message) }));
    expectRefusal(answer, { status: 422, code: "config_invalid", more: { issues } });
  });

  test.each(workflowProblems)("a workflow that %s", async (_what, source, message) => {
    const redemptionMethods = [...richConfig().redemptionMethods, method("m", source)];
    const answer = await push({ ...richConfig(), redemptionMethods }, "?dryRun=true");
    expectRefusal(answer, {
      status: 422,
      code: "config_invalid",
      more: {
        issues: expect.arrayContaining([
          { path: "redemptionMethods.2.workflow", message: expect.stringMatching(message) },
        ]),
      },
    });
  });

  test.each([
    ["null", null],
    ["a list", []],
    ["a list of documents", [{}]],
    ["a text", '"text"'],
    ["a number", 7],
  ])("being %s and no object", async (_what, document) => {
    const answer = await push(document, "?dryRun=true");
    expectRefusal(answer, { status: 422, code: "config_invalid", more: { issues: expect.any(Array) } });
  });

  test.each([formProblems[0], referenceProblems[0], checkoutProblems[0]])(
    "%s, when it is not a dry run",
    async (_what, document) => {
      const exported = await pull();
      const answer = await push(document);
      expectRefusal(answer, { status: 422, code: "config_invalid", more: { issues: expect.any(Array) } });
      expect(await pull()).toEqual(exported);
    },
  );

  test("not being JSON", async () => {
    expectRefusal(await push("{"), { status: 400, code: "invalid_json", message: "Invalid JSON body" });
  });

  test("being nested deeper than anybody's stack", async () => {
    const meta = JSON.parse(`${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`);
    const document = { surfaces: [{ slug: "s", components: [{ slug: "c", metadata: meta }] }] };
    expectRefusal(await push(document), { status: 422, code: "config_invalid", more: { issues: expect.any(Array) } });
  });

  test("being larger than 4 MiB", async () => {
    const answer = await push({ variables: { A: "x".repeat(4 << 20) } });
    expectRefusal(answer, { status: 413, code: "body_too_large" });
  });

  test("several problems at once, each with its path", async () => {
    const { body } = await push({
      products: [{ slug: "Digital" }],
      plans: [{ slug: "p", name: "P", products: [], duration: "1M" }],
      redemptionMethods: [method("a", "import 'x';\nexport default 1"), method("b", "export default 1;")],
      offers: [{ slug: "o", name: "O", method: "a", filters: { from: "now", countries: ["gb"] } }],
      allowedOrigins: ["*"],
      budgets: { wallMs: 1 },
    });
    expect(body.issues.map(({ path }: { path: string }) => path).toSorted()).toEqual([
      "allowedOrigins.0",
      "budgets.wallMs",
      "offers.0.filters.countries.0",
      "offers.0.filters.from",
      "plans.0.duration",
      "plans.0.products",
      "products.0.name",
      "products.0.slug",
      "redemptionMethods.0.workflow",
      "redemptionMethods.1.workflow",
    ]);
    expect(body.message).toContain("10 problems");
  });

  test("several references at once, each with its path", async () => {
    const { body } = await push({
      plans: [{ slug: "p", name: "P", products: ["x", "y"] }],
      offers: [{ slug: "o", name: "O", method: "m", plans: ["q"] }],
      experiences: [{ slug: "e", type: "html", html: "{{", offers: ["z"] }],
      surfaces: [{ slug: "s", components: [{ slug: "c", slots: [{ key: "k", experience: "f" }] }] }],
    });
    expect(body.issues.map(({ path }: { path: string }) => path)).toEqual([
      "plans.0.products.0",
      "plans.0.products.1",
      "offers.0.plans.0",
      "offers.0.method",
      "experiences.0.offers.0",
      "experiences.0.html",
      "surfaces.0.components.0.slots.0.experience",
    ]);
  });

  test("two problems of one workflow, both", async () => {
    const source = 'import a from "a";\nimport b from "b";\nexport default () => [a, b];';
    const { body } = await push({ redemptionMethods: [method("m", source)] });
    expect(body.issues.map(({ message }: { message: string }) => /^line \d+/.exec(message)?.[0])).toEqual([
      "line 1",
      "line 2",
    ]);
  });
});

describe("a document is taken when", () => {
  test.each([
    ["it is empty", {}],
    ["its window is half a second long", window("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.500Z")],
    ["its window has no beginning", window(null, "2026-01-01T00:00:00Z")],
    ["a variable is empty", { variables: { A: "" } }],
    [
      "a plan has no price",
      { products: [{ slug: "a", name: "A" }], plans: [{ slug: "p", name: "P", products: ["a"] }] },
    ],
    [
      "a duration mixes units",
      {
        products: [{ slug: "a", name: "A" }],
        plans: [{ slug: "p", name: "P", products: ["a"], duration: "P1Y6M10D" }],
      },
    ],
    ["a workflow is JavaScript", { redemptionMethods: [method("m", "export default function () { return 1 }")] }],
    [
      "a workflow imports types",
      { redemptionMethods: [method("m", 'import type { Json } from "mos:workflow";\nexport default (): Json => 1;')] },
    ],
  ])("%s", async (_what, document) => {
    const { status, body } = await push(document, "?dryRun=true");
    expect(body).toMatchObject({ status: "success", dryRun: true });
    expect(status).toBe(200);
  });

  test("it is written in the older words", async () => {
    const { products, plans, offers, ...rest } = richConfig();
    const [monthly, forever] = plans.map(({ products: resources, ...plan }) => ({ ...plan, resources }));
    const [premium, present] = offers;
    const older = {
      ...rest,
      resources: products,
      terms: [monthly, forever],
      offers: [{ ...premium, plans: undefined, terms: premium?.plans }, present],
    };
    const { body } = await push(older, "?dryRun=true");
    expect(body).toMatchObject({ status: "success", changed: false, difference: [] });
  });

  test("its filters are written in the older words", async () => {
    const document = richConfig();
    const [premium, present] = document.offers;
    const { plans: terms, products: resources, ...filters } = premium?.filters ?? {};
    const older = { ...document, offers: [{ ...premium, filters: { ...filters, terms, resources } }, present] };
    const { body } = await push(older, "?dryRun=true");
    expect(body).toMatchObject({ status: "success", changed: false, difference: [] });
  });

  test("but not when it uses both words for one thing", async () => {
    const { body } = await push({ ...richConfig(), terms: [] }, "?dryRun=true");
    expect(body.issues).toEqual([{ path: "terms", message: expect.any(String) }]);
  });
});

describe("an exported document", () => {
  test("holds everything that was imported", async () => {
    await push(richConfig());
    const { config } = await pull();
    expect(config).toMatchObject(JSON.parse(JSON.stringify(richConfig())));
  });

  test("imports to no change, as it was answered and as the document alone", async () => {
    const exported = await pull();
    const before = await versions();
    for (const document of [exported, exported.config]) {
      const { status, body } = await push(document);
      expect(status).toBe(200);
      expect(body).toEqual({
        status: "success",
        version: exported.version,
        changed: false,
        dryRun: false,
        difference: [],
      });
    }
    expect(await versions()).toEqual(before);
    expect(await pull()).toEqual(exported);
  });

  test("imports to the same document in another environment", async () => {
    const { config } = await pull();
    const { body } = await push(config, "", "env_second");
    expect(body).toMatchObject({ status: "success", version: 2, changed: true });
    expect((await pull("", "env_second")).config).toEqual(config);
  });

  test("says the same when the members of an object come in another order", async () => {
    const document = named("order");
    await push(document);
    const { title, nested } = { title: "Premium", nested: { list: [1, null, true, "£"] } };
    const [premium, present] = document.offers;
    const reordered = { ...document, offers: [{ ...premium, presentation: { nested, title } }, present] };
    const { body } = await push(reordered);
    expect(body).toMatchObject({ changed: false, difference: [] });
  });

  test("keeps members that are called as parts of every object are", async () => {
    const document = {
      ...named("words"),
      surfaces: [
        { slug: "s", components: [{ slug: "c", metadata: { constructor: 1, prototype: { a: 2 }, toString: 3 } }] },
      ],
    };
    await push(document);
    const { config } = await pull();
    expect(JSON.stringify(config.surfaces[0].components[0].metadata)).toBe(
      '{"constructor":1,"prototype":{"a":2},"toString":3}',
    );
  });
});

describe("a version", () => {
  test("is numbered, and holds its document, its author and its time", async () => {
    const { version } = await pull();
    const { body } = await push(named("numbered"));
    expect(body).toMatchObject({ version: version + 1, changed: true, dryRun: false });
    expect((await pull()).config.variables).toEqual({ NAME: "numbered" });
    expect((await pull()).version).toBe(version + 1);
    const list = await versions();
    expect(list[0]).toEqual({ version: version + 1, author: "test", createdAt: "2026-03-01T12:00:00.000Z" });
    expect(list.map((entry: { version: number }) => entry.version)).toEqual(
      Array.from({ length: version + 1 }, (_, i) => version + 1 - i),
    );
  });

  test("is still there after the next one", async () => {
    const { version, config } = await pull();
    await push(named("later"));
    expect(await pull(`?version=${version}`)).toEqual({ status: "success", version, config });
  });

  test("that never was is not found", async () => {
    const answer = await ask(world, "GET", `${manage()}/config?version=999`, { key: world.adminToken });
    expectRefusal(answer, { status: 404, code: "version_not_found" });
  });

  test.each(["abc", "-1", "1.5", "", "99999999999"])("called %j is a wrong request", async (version) => {
    for (const [verb, query] of [
      ["GET", `version=${version}`],
      ["PUT", `expectedVersion=${version}`],
    ] as const) {
      const answer = await ask(world, verb, `${manage()}/config?${query}`, {
        key: world.adminToken,
        ...(verb === "PUT" ? { body: named("wrong") } : {}),
      });
      expectRefusal(answer, { status: 400, code: "invalid_body" });
    }
    expect((await pull()).config.variables).not.toEqual({ NAME: "wrong" });
  });

  test("is refused when another one than expected is in force", async () => {
    const { version } = await pull();
    expectRefusal(await push(named("late"), `?expectedVersion=${version - 1}`), {
      status: 409,
      code: "config_conflict",
    });
    expectRefusal(await push(named("early"), `?expectedVersion=${version + 1}`), {
      status: 409,
      code: "config_conflict",
    });
    expect((await pull()).version).toBe(version);
    expect((await push(named("in time"), `?expectedVersion=${version}`)).body.version).toBe(version + 1);
  });

  test("is refused in a dry run, too, when another one than expected is in force", async () => {
    const { version } = await pull();
    const answer = await push(named("dry"), `?dryRun=true&expectedVersion=${version - 1}`);
    expectRefusal(answer, { status: 409, code: "config_conflict" });
  });

  test("is made by exactly one of two that race", async () => {
    const { version } = await pull();
    const answers = await Promise.all([push(named("red")), push(named("blue"))]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const winner = answers[0]?.status === 200 ? "red" : "blue";
    expectRefusal(
      answers.find(({ status }) => status === 409) ?? { status: 0, text: "", body: null, headers: new Headers() },
      {
        status: 409,
        code: "config_conflict",
      },
    );
    expect(await pull()).toMatchObject({ version: version + 1, config: { variables: { NAME: winner } } });
  });

  test("is made by exactly one of ten that race, each with a document of its own", async () => {
    const { version } = await pull();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => push(named(`racer ${i}`))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === "config_conflict")).toHaveLength(9);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect(await pull()).toMatchObject({ version: version + 1, config: { variables: { NAME: `racer ${winner}` } } });
  });
});

describe("a dry run", () => {
  test("shows the difference and changes nothing", async () => {
    await push(named("before"));
    const before = await tracesOf(world);
    const exported = await pull();
    const [premium] = richConfig().offers;
    const { body } = await push(
      {
        ...named("after"),
        offers: [{ ...premium, slug: "premium", limits: { total: 5 } }],
        experiences: [],
        surfaces: [],
      },
      "?dryRun=true",
    );
    expect(body).toMatchObject({ status: "success", version: exported.version, changed: true, dryRun: true });
    expect(body.difference).toEqual(
      expect.arrayContaining([
        { op: "changed", path: "variables.NAME", before: "before", after: "after" },
        { op: "changed", path: "offers.premium.limits.total", before: 100, after: 5 },
        expect.objectContaining({ op: "removed", path: "offers.present" }),
      ]),
    );
    expect(await pull()).toEqual(exported);
    expect(await tracesOf(world)).toEqual(before);
  });

  test("of a wrong document is refused like a real one", async () => {
    const answer = await push({ nonsense: 1 }, "?dryRun=true");
    expectRefusal(answer, { status: 422, code: "config_invalid", more: { issues: expect.any(Array) } });
  });
});

describe("ids", () => {
  const ids = async () => {
    const rows = await world.engine.storage.db
      .select()
      .from(entityIds)
      .where(eq(entityIds.environmentId, "env_preview"));
    return Object.fromEntries(rows.map(({ kind, slug, id }) => [`${kind} ${slug}`, id]));
  };

  test("are given to every slug, each with the prefix of its kind", async () => {
    await push(named("ids"));
    expect(await ids()).toMatchObject({
      "product digital": expect.stringMatching(/^prod_[0-9a-f]{8}$/),
      "product print": expect.stringMatching(/^prod_[0-9a-f]{8}$/),
      "plan monthly": expect.stringMatching(/^plan_[0-9a-f]{8}$/),
      "plan forever": expect.stringMatching(/^plan_[0-9a-f]{8}$/),
      "offer premium": expect.stringMatching(/^off_[0-9a-f]{8}$/),
      "offer present": expect.stringMatching(/^off_[0-9a-f]{8}$/),
      "experience banner": expect.stringMatching(/^exp_[0-9a-f]{8}$/),
      "surface web": expect.stringMatching(/^srf_[0-9a-f]{8}$/),
      "method gift": expect.stringMatching(/^rm_[0-9a-f]{8}$/),
    });
  });

  test("are kept when the document is imported again and again", async () => {
    const before = await ids();
    await push(named("again"));
    await push(named("and again"));
    expect(await ids()).toEqual(before);
  });

  test("are kept when a slug goes and comes back", async () => {
    const before = await ids();
    await push({ variables: { NAME: "empty" } });
    expect((await pull()).config.offers).toEqual([]);
    await push(named("back"));
    expect(await ids()).toEqual(before);
  });

  test("are shown to clients as they were before the slug went", async () => {
    const offersOf = async () => (await decideFor(world, { anonymousIdentifier: "anon_1" })).body.offers;
    await push(sampleConfig());
    const [offer] = await offersOf();
    await push({});
    await push(sampleConfig());
    const [again] = await offersOf();
    expect(again.id).toBe(offer.id);
    expect(again.plans[0].id).toBe(offer.plans[0].id);
  });

  test("stay apart for the same slug in two environments", async () => {
    const rows = await world.engine.storage.db.select().from(entityIds).where(eq(entityIds.slug, "premium"));
    expect(new Set(rows.map(({ environmentId }) => environmentId)).size).toBe(2);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(2);
  });
});

describe("applying", () => {
  let version: number;
  beforeEach(async () => {
    await push({ variables: { NAME: "start" } });
    ({ version } = await pull());
  });

  test("is whole or not at all when the last workflow of a document does not compile", async () => {
    const before = await tracesOf(world);
    const [checkout, gift] = richConfig().redemptionMethods;
    const document = { ...named("half"), products: [...richConfig().products, { slug: "new", name: "New" }] };
    const broken = { ...document, redemptionMethods: [checkout, gift, method("broken", "export default")] };
    expectRefusal(await push(broken), { status: 422, code: "config_invalid", more: { issues: expect.any(Array) } });
    expect(await tracesOf(world)).toEqual(before);
    expect(await pull()).toMatchObject({ version, config: { variables: { NAME: "start" } } });
  });

  test("is whole or not at all when the database refuses a later part", async () => {
    const { db } = world.engine.storage;
    const squatter = { environmentId: "env_preview", version: version + 1 };
    await db.insert(environmentVersions).values({ ...squatter, document: {}, workflows: {}, author: "", createdAt: 0 });
    const before = await tracesOf(world);
    const document = { ...named("half"), products: [...richConfig().products, { slug: "half", name: "Half" }] };
    const answer = await push(document);
    expect(answer.body).toMatchObject({ status: "error" });
    expect(answer.text).not.toMatch(/insert|constraint|sqlite|environment_versions/i);
    expect(world.faults.splice(0)).toHaveLength(1);
    expect(await tracesOf(world)).toEqual(before);
    expect(await pull()).toMatchObject({ version, config: { variables: { NAME: "start" } } });
    await db
      .delete(environmentVersions)
      .where(and(eq(environmentVersions.environmentId, "env_preview"), eq(environmentVersions.version, version + 1)));
    expect((await push(document)).body).toMatchObject({ status: "success", version: version + 1 });
  });

  test("is in force for the very next request", async () => {
    await push(sampleConfig());
    expect((await decideFor(world, { anonymousIdentifier: "anon_1" })).body.offers).toHaveLength(1);
    await push({ variables: { NAME: "start" } });
    expectRefusal(await decideFor(world, { anonymousIdentifier: "anon_1" }), {
      status: 404,
      code: "surface_not_found",
    });
  });

  test.each(["constructor", "prototype", "valueof"])("works for methods and components called %s", async (slug) => {
    const document = {
      redemptionMethods: [method(slug, 'export default () => ({ success: true, message: "well" });')],
      offers: [{ slug, name: slug, method: slug }],
      experiences: [{ slug, type: "html", html: "", offers: [slug] }],
      surfaces: [{ slug: "web", components: [{ slug, slots: [{ key: slug, experience: slug }] }] }],
    };
    expect((await push(document)).body).toMatchObject({ status: "success", changed: true });
    const buyer = { userIdentifier: "buyer@example.com" };
    const { body } = await decideFor(world, buyer);
    expect(Object.keys(body.componentBehaviors)).toEqual([slug]);
    expect((await redeemAs(world, buyer, body.offers[0].token)).body).toMatchObject({
      status: "success",
      message: "well",
    });
  });
});

describe("a configuration in an environment that does not exist", () => {
  test("is not found, to read and to write", async () => {
    const none = manage("env_nowhere");
    const missing = { status: 404, code: "environment_not_found" } as const;
    expectRefusal(await ask(world, "GET", `${none}/config`, { key: world.adminToken }), missing);
    expectRefusal(await ask(world, "GET", `${none}/versions`, { key: world.adminToken }), missing);
    expectRefusal(await push(richConfig(), "", "env_nowhere"), missing);
    expectRefusal(await push({ nonsense: 1 }, "?dryRun=true", "env_nowhere"), missing);
  });
});

function window(from: string | null, until: string) {
  const methods = [method("m", "export default () => 1;")];
  return { redemptionMethods: methods, offers: [{ slug: "o", name: "O", method: "m", filters: { from, until } }] };
}
