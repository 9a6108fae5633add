import Stripe from "stripe";
import { afterEach, expect, test } from "vitest";
import { localUrl, readSettings } from "../../api/config.ts";
import { type ServerProcess, startServer, temporaryFolder } from "../runtime/server-process.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** With a key of Stripe's own and no network: where Stripe should be, nothing listens. */
async function startWithKey(env: Record<string, string> = {}): Promise<ServerProcess> {
  const folder = await temporaryFolder();
  cleanUps.push(folder.remove);
  const real = { STRIPE_SECRET_KEY: "sk_test_of_the_seller", STRIPE_API_URL: "http://127.0.0.1:9" };
  const server = await startServer(folder.path, { ...real, ...env });
  cleanUps.push(() => server.end("SIGTERM"));
  return server;
}

/** Tells the server something, signed as Stripe does. */
async function tell({ url }: ServerProcess, secret: string): Promise<number> {
  const payload = JSON.stringify({
    id: "evt_1",
    type: "product.created",
    created: 1,
    data: { object: { id: "prod_1" } },
  });
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({ payload, secret });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  const init = { method: "POST", headers, body: payload };
  return (await fetch(`${url}/api/v1/webhooks/stripe/acct_demo`, init)).status;
}

test("with a key of Stripe's and no secret of webhooks the greeting says what to do, and dev.json has none", async () => {
  const server = await startWithKey();
  const advice = server.output().split("\n")[2];
  expect(advice).toContain("Webhooks are not set up");
  expect(advice).toContain(`\`stripe listen --forward-to ${server.url}/api/v1/webhooks/stripe/acct_demo\``);
  expect(advice).toContain("STRIPE_WEBHOOK_SECRET");
  expect(advice).toContain("within some minutes");
  expect((await server.dev()).stripe.webhookSecret).toBeNull();
});

test("STRIPE_WEBHOOK_SECRET is what webhooks are believed with, and dev.json has it", async () => {
  const server = await startWithKey({ STRIPE_WEBHOOK_SECRET: "whsec_of_the_seller" });
  expect(server.output()).not.toContain("Webhooks");
  expect((await server.dev()).stripe.webhookSecret).toBe("whsec_of_the_seller");
  expect(await tell(server, "whsec_of_the_seller")).toBe(200);
  expect(await tell(server, "whsec_of_somebody")).toBe(400);
});

test("a STRIPE_WEBHOOK_SECRET that is none is named", () => {
  expect(readSettings({ STRIPE_WEBHOOK_SECRET: "sk_test_mistaken" })).toEqual({
    ok: false,
    problems: [expect.stringContaining("STRIPE_WEBHOOK_SECRET must be a signing secret")],
  });
});

test.each([
  ["127.0.0.1", "http://127.0.0.1:8787"],
  ["0.0.0.0", "http://127.0.0.1:8787"],
  ["::", "http://127.0.0.1:8787"],
  ["::1", "http://[::1]:8787"],
])("a server at HOST %s is told of payments at %s, whatever PUBLIC_URL says", (HOST, url) => {
  const read = readSettings({ HOST, PUBLIC_URL: "https://offers.example.com" });
  expect(read.ok && localUrl(read.settings)).toBe(url);
});
