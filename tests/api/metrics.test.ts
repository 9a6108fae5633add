import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMetrics, type Metrics, serveMetrics } from "../../api/node-metrics.ts";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import { webhookDeliveries } from "../../schemas/webhook-tables.ts";
import { markedTable, plain, readDocument } from "../docs/marked-blocks.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method, sampleConfig } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

const stuck = "export default () => Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);";
const refusing = "export default () => ({ success: false, statusCode: 402 });";
const methods = { fine: "export default () => ({ success: true });", refusing, stuck };
const slugs = Object.keys(methods);
const buyer = (i: number) => ({ userIdentifier: `buyer-${i}@example.com` });

let world: World;
let metrics: Metrics;
let fetchTimed: (request: Request) => Promise<Response>;
const underWay = 3;

beforeAll(async () => {
  const breaker = { kills: 2, withinMs: 60_000, restMs: 60_000 };
  world = await createWorld({
    sandbox: createProcessPool({ processes: 1, breaker }),
    config: () => ({
      ...sampleConfig(),
      redemptionMethods: Object.entries(methods).map(([slug, source]) => method(slug, source)),
      offers: slugs.map((slug) => ({ slug, name: slug, method: slug })),
      experiences: slugs.map((slug) => ({ slug, type: "html", html: "", offers: [slug] })),
      surfaces: slugs.map((slug) => ({ slug, components: [{ slug: "c", slots: [{ key: "s", experience: slug }] }] })),
      budgets: { cpuMs: 200, wallMs: 8000 },
    }),
  });
  metrics = createMetrics(world.engine, () => underWay);
  const timed = metrics.timed(world.app, world.app.fetch);
  fetchTimed = async (request) => timed(request);
});
afterAll(() => world.close());

async function redeem(slug: string, i: number): Promise<number> {
  const { body } = await decideFor(world, buyer(i), { surfaceSlug: slug });
  return (await redeemAs(world, buyer(i), body.offers[0].token)).status;
}

/** The value of each sample of a metric, by its labels in the order in which they are written. */
async function samplesOf(name: string): Promise<Record<string, number>> {
  const lines = (await metrics.text())
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(
    lines.map((line) => {
      const [, labels = "", value = ""] = /^[a-z_]+(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const texts = [...labels.matchAll(/\w+="([^"]*)"/g)].map(([, text = ""]) => text);
      return [texts.join(" "), Number(value)];
    }),
  );
}

describe("the metrics tell", () => {
  test("redemptions by environment and outcome, and runs by method and outcome", async () => {
    expect(await redeem("fine", 1)).toBe(200);
    expect(await redeem("refusing", 1)).toBe(402);
    expect((await redeemAs(world, buyer(1), "nonsense")).status).toBe(400);
    for (const i of [1, 2]) expect(await redeem("stuck", i)).toBe(531);
    expect(await redeem("stuck", 3)).toBe(503);
    expect(await samplesOf("scrip_redemptions_total")).toEqual({
      "env_preview success": 1,
      "env_preview redemption_refused": 1,
      "env_preview token_malformed": 1,
      "env_preview workflow_error": 2,
      "env_preview sandbox_busy": 1,
    });
    expect(await samplesOf("scrip_workflow_runs_total")).toEqual({
      "env_preview fine returned": 1,
      "env_preview refusing returned": 1,
      "env_preview stuck cpu-exceeded": 2,
      "env_preview stuck host-failure": 1,
    });
  });

  test("what the sandbox is and did", async () => {
    await expect.poll(() => samplesOf("scrip_sandbox_processes")).toEqual({ ready: 1, starting: 0, spare: 1 });
    const ended = await samplesOf("scrip_sandbox_processes_ended_total");
    expect(ended).toEqual({
      overdue: 2,
      swollen: 0,
      lied: 0,
      "out-of-memory": 0,
      crashed: 0,
      killed: 0,
      retired: 0,
      closed: 0,
    });
    expect(await samplesOf("scrip_sandbox_host_failures_total")).toEqual({
      busy: 0,
      resting: 1,
      "no-process": 0,
      "process-lost": 0,
      protocol: 0,
    });
    expect(await samplesOf("scrip_sandbox_rests_total")).toEqual({ "": 1 });
    const rest = await samplesOf("scrip_sandbox_rest_seconds");
    expect(Object.keys(rest)).toEqual(["redeem env_preview stuck"]);
    expect(rest["redeem env_preview stuck"]).toBeGreaterThan(30);
    const resident = await samplesOf("scrip_sandbox_resident_bytes");
    expect(Object.keys(resident)).toEqual(["0", "spare"]);
    for (const bytes of Object.values(resident)) expect(bytes).toBeGreaterThan(10 << 20);
    expect(await samplesOf("scrip_sandbox_runs")).toEqual({ under_way: 0, waiting: 0 });
  });

  test("requests by route pattern and class of status, and never by what a visitor sent", async () => {
    const send = (path: string, verb = "GET") =>
      fetchTimed(new Request(`https://scrip.test${path}`, { method: verb, headers: { authorization: "Bearer x" } }));
    await send("/healthz?probe=1");
    await send("/healthz", "HEAD");
    await send("/api/v1/offer-redemptions", "POST");
    await send("/api/v1/events/5d1b0c9e");
    await send("/api/v1/events/another");
    await send("/wp-login.php");
    await send("/api/v1/healthz/../x", "POST");
    expect(await samplesOf("scrip_http_request_duration_seconds_count")).toEqual({
      "GET /healthz 2xx": 2,
      "POST /api/v1/offer-redemptions 4xx": 1,
      "GET /api/v1/events/{eventId} 4xx": 2,
      "any none 4xx": 2,
    });
    const buckets = await samplesOf("scrip_http_request_duration_seconds_bucket");
    expect(buckets["+Inf GET /healthz 2xx"]).toBe(2);
    expect(await samplesOf("scrip_http_requests_under_way")).toEqual({ "": underWay });
  });

  test("events that are not written yet, and none after they were", async () => {
    await world.engine.events.flush();
    expect(await samplesOf("scrip_events_waiting")).toEqual({ "": 0 });
    const deciding = [1, 2, 3].map((i) => decideFor(world, buyer(i), { surfaceSlug: "fine" }));
    await Promise.all(deciding);
    expect(world.engine.events.waiting()).toBe(3);
    await world.engine.events.flush();
    expect(await samplesOf("scrip_events_waiting")).toEqual({ "": 0 });
  });

  test("webhooks that wait to be sent, and not those that were", async () => {
    const row = { endpointId: "e", environmentId: "env_preview", attempts: 0, nextAttemptAt: 0, leaseUntil: 0 };
    await world.engine.storage.db.insert(webhookDeliveries).values([
      { ...row, messageId: "m1", status: "pending" },
      { ...row, messageId: "m2", status: "pending" },
      { ...row, messageId: "m3", status: "delivered" },
    ]);
    expect(await samplesOf("scrip_webhooks_waiting")).toEqual({ "": 2 });
  });

  test("faults, those of the database apart", async () => {
    const { engine } = world;
    expect(await samplesOf("scrip_faults_total")).toEqual({ database: 0, other: 0 });
    await engine.storage.db.run("select * from no_such_table").catch((fault: unknown) => engine.onFault(fault, "test"));
    engine.onFault(new Error("something else"), "test");
    expect(await samplesOf("scrip_faults_total")).toEqual({ database: 1, other: 1 });
    world.faults.splice(0);
  });
});

describe("the table of docs/operating.md", () => {
  const page = readDocument("docs/operating.md");

  test("has every metric of Scrip's own, in order, with its kind and labels", async () => {
    const own = (await metrics.registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith("scrip_"));
    const labelsOf = new Map(
      own.map(({ name }) => {
        const found = metrics.registry.getSingleMetric(name);
        const names: unknown = found === undefined ? [] : Reflect.get(found, "labelNames");
        return [name, Array.isArray(names) ? names.join(", ") : ""];
      }),
    );
    const written = markedTable(page, "metrics").slice(1);
    expect(written.map(([name, kind, labels]) => [plain(name), kind, (labels ?? "").replaceAll("`", "")])).toEqual(
      own.map(({ name, type }) => [name, String(type), labelsOf.get(name)]),
    );
  });

  test("alerts on metrics and labels that there are", async () => {
    const known = new Set((await metrics.registry.getMetricsAsJSON()).map(({ name }) => name));
    const expressions = markedTable(page, "alerts")
      .slice(1)
      .map(([expression = ""]) => plain(expression));
    expect(expressions.length).toBeGreaterThan(4);
    for (const expression of expressions) {
      const names = [...expression.matchAll(/\b(?:scrip|nodejs|process)_\w+/g)].map(([name]) =>
        name.replace(/_(bucket|count|sum)$/, ""),
      );
      expect(names.length, expression).toBeGreaterThan(0);
      for (const name of names) expect(known, expression).toContain(name);
    }
  });
});

describe("GET /metrics", () => {
  const token = "the-token-of-the-metrics-tests-0123456789";

  test.each([
    ["nothing", undefined],
    ["another token", `Bearer ${token}x`],
    ["the token without its scheme", token],
    ["a secret key", undefined],
  ])("answers 401 to %s where there is a token", async (who, authorization) => {
    const app = new Hono();
    serveMetrics(app, metrics, token);
    const sent = who === "a secret key" ? `Bearer ${world.secretKey}` : authorization;
    const answer = await app.request("/metrics", { headers: sent === undefined ? {} : { authorization: sent } });
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await answer.text()).not.toContain("scrip_");
  });

  test("answers in Prometheus's text format to whoever has the token, and to everybody where there is none", async () => {
    const app = new Hono();
    serveMetrics(app, metrics, token);
    const answer = await app.request("/metrics", { headers: { authorization: `Bearer ${token}` } });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, metrics.registry.contentType]);
    expect(await answer.text()).toContain("nodejs_eventloop_lag_seconds");
    const open = new Hono();
    serveMetrics(open, metrics, null);
    expect((await open.request("/metrics")).status).toBe(200);
  });

  test("is no part of the app that runs everywhere", async () => {
    expect((await ask(world, "GET", "/metrics", { key: null })).status).toBe(404);
  });
});
