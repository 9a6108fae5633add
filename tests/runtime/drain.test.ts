import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { afterEach, expect, test } from "vitest";
import { isAlive } from "../engine/sandbox-children.ts";
import { type DemoStage, openDemoStage } from "./demo-stage.ts";
import type { ServerProcess } from "./server-process.ts";
import { startStripeStandIn } from "./stripe-stand-in.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function openStage(...terms: Parameters<typeof openDemoStage>): Promise<DemoStage> {
  const stage = await openDemoStage(...terms);
  cleanUps.push(stage.close);
  return stage;
}

/** A body, whatever it is: the assertions say what it must be. */
async function read(response: Response) {
  return JSON.parse(await response.text());
}

/** Waits for Stripe, and says what it heard. */
const asking = `export default async ({ utils }) => {
  const answer = await utils.integrations.stripe.fetch("acct_demo", { method: "GET", path: "/v1/balance" });
  console.log("heard");
  return { success: true, properties: { object: answer.body.object } };
};`;
/** Says that it has begun, and never ends. */
const endless = `export default async ({ utils }) => {
  await utils.integrations.stripe.fetch("acct_demo", { method: "GET", path: "/v1/products" });
  for (;;) await new Promise((done) => setTimeout(done, 1000));
};`;

async function eventsOf({ dataDir }: ServerProcess) {
  const client = createClient({ url: pathToFileURL(join(dataDir, "scrip.db")).href });
  const { rows } = await client.execute("select id, type, status, data from events");
  client.close();
  return rows;
}

const isRefused = (server: ServerProcess) =>
  fetch(`${server.url}/healthz`).then(
    () => false,
    () => true,
  );

const isUnderWay = async (server: ServerProcess) =>
  /^scrip_sandbox_runs\{state="under_way"\} 1$/m.test(await (await fetch(`${server.url}/metrics`)).text());

test("SIGTERM while a redemption's workflow waits for the host: answered, recorded, exit 0, nothing left behind", async () => {
  const stripe = await startStripeStandIn();
  cleanUps.push(stripe.close);
  const { server, children, redeem, decide } = await openStage(asking, {}, { STRIPE_API_URL: stripe.url });
  expect(children.length).toBeGreaterThan(0);
  const redeeming = redeem();
  await stripe.asked;
  const { eventId: decisionId } = Object(await decide());
  const ended = server.end("SIGTERM");
  await expect.poll(() => isRefused(server), { timeout: 5000 }).toBe(true);
  expect(server.child.exitCode).toBe(null);
  stripe.release();
  const answer = await redeeming;
  const body = await read(answer);
  expect([answer.status, body.status, body.action.properties]).toEqual([200, "success", { object: "balance" }]);
  expect(await ended).toBe(0);
  const events = await eventsOf(server);
  expect(events.map(({ id }) => id)).toContain(decisionId);
  const recorded = events.find(({ id }) => id === body.eventId);
  expect(recorded).toMatchObject({ type: "offer-redemption", status: "success" });
  expect(JSON.parse(String(recorded?.data)).run.logs).toMatchObject([{ message: "heard" }]);
  expect(children.filter(isAlive)).toEqual([]);
});

test("a run that never ends is ended by its wall budget while the server drains, and recorded", async () => {
  const stripe = await startStripeStandIn();
  cleanUps.push(stripe.close);
  const { server, children, redeem } = await openStage(endless, { wallMs: 2500 }, { STRIPE_API_URL: stripe.url });
  const redeeming = redeem();
  await expect.poll(() => isUnderWay(server), { timeout: 5000 }).toBe(true);
  const ended = server.end("SIGTERM");
  const answer = await redeeming;
  expect([answer.status, (await read(answer)).code]).toEqual([531, "workflow_error"]);
  expect(await ended).toBe(0);
  const [recorded] = (await eventsOf(server)).filter(({ type }) => type === "offer-redemption");
  expect(JSON.parse(String(recorded?.data)).run.outcome).toBe("timed-out");
  expect(children.filter(isAlive)).toEqual([]);
});

test("a run with more time than the drain has is stopped: 503, so that it may be tried again, and exit 0", async () => {
  const stripe = await startStripeStandIn();
  cleanUps.push(stripe.close);
  const env = { STRIPE_API_URL: stripe.url, DRAIN_SECONDS: "1" };
  const { server, children, redeem } = await openStage(endless, { wallMs: 60_000 }, env);
  const redeeming = redeem();
  await expect.poll(() => isUnderWay(server), { timeout: 5000 }).toBe(true);
  const ended = server.end("SIGTERM");
  const answer = await redeeming;
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  const { code, eventId } = await read(answer);
  expect(code).toBe("sandbox_busy");
  expect(await ended).toBe(0);
  const recorded = (await eventsOf(server)).find(({ id }) => id === eventId);
  expect(JSON.parse(String(recorded?.data)).run.verdict).toMatchObject({ kind: "unavailable", cause: "cancelled" });
  expect(children.filter(isAlive)).toEqual([]);
});

test("what waits for nothing of ours is left behind when the drain is over: its connection is closed, exit 0", async () => {
  const stripe = await startStripeStandIn();
  cleanUps.push(stripe.close);
  const env = { STRIPE_API_URL: stripe.url, DRAIN_SECONDS: "1" };
  const { server, children } = await openStage(endless, {}, env);
  // a body that never comes to its end
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) });
  const { secretKey } = await server.dev();
  const hanging = fetch(`${server.url}/api/v1/surface-decisions`, {
    method: "POST",
    headers: { authorization: `Bearer ${secretKey}`, "content-type": "application/json" },
    body,
    duplex: "half",
  }).then(
    ({ status }) => status,
    () => "closed",
  );
  const isHeld = async () =>
    /^scrip_http_requests_under_way 2$/m.test(await (await fetch(`${server.url}/metrics`)).text());
  await expect.poll(isHeld, { timeout: 5000 }).toBe(true);
  expect(await server.end("SIGTERM")).toBe(0);
  expect(await hanging).toBe("closed");
  expect(children.filter(isAlive)).toEqual([]);
});

test("a second SIGTERM ends the server at once, and no sandbox process stays", async () => {
  const stripe = await startStripeStandIn();
  cleanUps.push(stripe.close);
  const { server, children, redeem } = await openStage(asking, {}, { STRIPE_API_URL: stripe.url });
  const redeeming = redeem().catch(() => "closed");
  await stripe.asked;
  const ended = server.end("SIGTERM");
  await expect.poll(() => isRefused(server), { timeout: 5000 }).toBe(true);
  server.child.kill("SIGTERM");
  expect(await ended).toBe(null);
  expect(await redeeming).toBe("closed");
  await expect.poll(() => children.filter(isAlive), { timeout: 5000 }).toEqual([]);
});
