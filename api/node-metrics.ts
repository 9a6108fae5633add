import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, Hono } from "hono";
import { getPath } from "hono/utils/url";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Engine } from "../engine/engine.ts";
import { webhookQueueLength } from "../engine/webhooks/queue-length.ts";
import { bearer } from "./auth.ts";
import { type MetricRow, metricRows, type Snapshot } from "./metric-rows.ts";

/** The metrics of a server on Node. `timed` measures what an app answers; `text` is Prometheus's text format. */
export type Metrics = {
  registry: Registry;
  timed(app: Hono, fetch: Hono["fetch"]): Hono["fetch"];
  text(): Promise<string>;
};

/** Decisions take a millisecond, redemptions as long as Stripe does. */
const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Makes the metrics of one server. `underWay` says how many requests are being answered. */
export function createMetrics(engine: Engine, underWay: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const durations = new Histogram({
    name: "scrip_http_request_duration_seconds",
    help: "Time from a request to its answer",
    labelNames: ["method", "route", "status"],
    buckets: bucketsSeconds,
    registers: [registry],
  });
  const metrics = metricRows.map((row) => ({ row, metric: metricOf(row, registry) }));
  return {
    registry,
    timed: (app, fetch) => timed(app, fetch, durations),
    async text() {
      const [stats, webhooksWaiting] = await Promise.all([engine.sandbox.stats(), queueLength(engine)]);
      const now = { engine, stats, underWay: underWay(), webhooksWaiting };
      for (const { row, metric } of metrics) fill(metric, row, now);
      return registry.metrics();
    },
  };
}

/** `GET /metrics`, for whoever has the token; for everybody where there is none. */
export function serveMetrics(app: Hono, metrics: Metrics, token: string | null): void {
  app.get("/metrics", async (c) => {
    if (token !== null && !isToken(c, token)) {
      return c.text("Send METRICS_TOKEN as Authorization: Bearer …\n", 401, { "WWW-Authenticate": "Bearer" });
    }
    return c.body(await metrics.text(), 200, {
      "Content-Type": metrics.registry.contentType,
      "Cache-Control": "no-store",
    });
  });
}

function isToken(c: Context, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(bearer(c) ?? ""), digest(token));
}

type Duration = { observe(seconds: number): void };

/** The app's fetch, measured by the pattern of its route: a path as it was sent would be a label of its own each time. */
function timed(app: Hono, fetch: Hono["fetch"], durations: Histogram): Hono["fetch"] {
  const known = new Map<string, Duration>();
  const observe = (request: Request, status: number, startedMs: number) => {
    const { method, route } = routeOf(app, request);
    const key = `${(status / 100) | 0} ${method} ${route}`;
    let duration = known.get(key);
    if (duration === undefined) {
      duration = durations.labels({
        method,
        route: route.replaceAll(/:(\w+)/g, "{$1}"),
        status: `${(status / 100) | 0}xx`,
      });
      known.set(key, duration);
    }
    duration.observe((performance.now() - startedMs) / 1000);
  };
  return (request, ...rest) => {
    const startedMs = performance.now();
    const answer = fetch(request, ...rest);
    if (!(answer instanceof Promise)) {
      observe(request, answer.status, startedMs);
      return answer;
    }
    return answer.then((response) => {
      observe(request, response.status, startedMs);
      return response;
    });
  };
}

const noRoute = { method: "any", route: "none" };

/** The route that answers a request, as the router itself finds it; its own answers to what it does not know are one. */
function routeOf(app: Hono, request: Request): { method: string; route: string } {
  const method = request.method === "HEAD" ? "GET" : request.method;
  const route = app.router.match(method, getPath(request))[0].at(-1)?.[0][1].path;
  return route === undefined ? noRoute : { method, route };
}

function metricOf({ type, name, help, labels = [] }: MetricRow, registry: Registry): Counter | Gauge {
  const configuration = { name, help, labelNames: labels, registers: [registry] };
  return type === "counter" ? new Counter(configuration) : new Gauge(configuration);
}

/** Everything is counted elsewhere: here it is only said. */
function fill(metric: Counter | Gauge, { labels: names = [], samples }: MetricRow, now: Snapshot): void {
  metric.reset();
  for (const { labels, value } of samples(now)) {
    metric.inc(Object.fromEntries(names.map((name, i) => [name, labels[i] ?? ""])), value);
  }
}

/** A database that hangs must not hold up the rest. */
async function queueLength({ storage }: Engine): Promise<number | null> {
  const { promise: enough, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), 500);
  const length = webhookQueueLength(storage).catch(() => null);
  const first = await Promise.race([length, enough]);
  clearTimeout(timer);
  return first;
}
