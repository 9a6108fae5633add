import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Stripe } from "stripe";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveLocalStripe } from "../../local-stripe/serve.ts";
import { catalogue, openStripe, payment, secretKey, submit } from "./fixture.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "local-stripe-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("with a file, sessions and saved answers outlive a restart", async () => {
  const file = join(folder, "stripe.db");
  const before = openStripe({ file });
  const session = await before.stripe.checkout.sessions.create(payment, { idempotencyKey: "key-1" });
  before.local.close();

  const after = openStripe({ file });
  const again = await after.stripe.checkout.sessions.create(payment, { idempotencyKey: "key-1" });
  expect(again.id).toBe(session.id);
  expect((await submit(after.local, session.url)).status).toBe(303);
  expect(after.local.sessions()).toMatchObject([{ id: session.id, payment_status: "paid" }]);
  after.local.close();
});

test("served on a port, it speaks to the official client over HTTP", async () => {
  const served = await serveLocalStripe({ port: 0, secretKeys: [secretKey], catalogue });
  const { port } = new URL(served.url);
  const client = new Stripe(secretKey, { protocol: "http", host: "127.0.0.1", port: Number(port), telemetry: false });
  const { url } = await client.checkout.sessions.create(payment);
  expect(url).toContain(`${served.url}/c/pay/cs_test_`);
  expect((await fetch(url ?? "")).status).toBe(200);
  await served.stop();
});
