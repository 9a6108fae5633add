import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Stripe } from "stripe";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveLocalStripe } from "../../local-stripe/serve.ts";
import {
  buyer,
  catalogue,
  dayMs,
  frozenClock,
  openReceiver,
  openStripe,
  payment,
  secretKey,
  submit,
  subscription,
} from "./fixture.ts";

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

test("what is still to be delivered goes on after a restart, to the endpoint that is remembered", async () => {
  const file = join(folder, "stripe.db");
  const clock = frozenClock();
  const receiver = openReceiver({ now: clock.now });
  const { endpoint, deliver } = receiver;
  receiver.answerWith(() => new Response("not now", { status: 503 }));
  const before = openStripe({ file, webhookEndpoints: [endpoint], deliver }, clock);
  const { id } = await before.stripe.checkout.sessions.create(payment);
  before.local.pay(id, buyer);
  await before.local.settled();
  before.local.close();

  receiver.answerWith(() => new Response("ok"));
  clock.advance(1);
  const after = openStripe({ file, deliver }, clock);
  await after.local.settled();
  expect(receiver.types()).toEqual(["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]);
  expect(after.local.deliveries()).toMatchObject([{ attempts: 2 }, { attempts: 2 }, { attempts: 2 }]);
  after.local.close();
});

test("what was under way when it ended is sent again", async () => {
  const file = join(folder, "stripe.db");
  const clock = frozenClock();
  const receiver = openReceiver({ now: clock.now });
  const { endpoint, deliver } = receiver;
  receiver.answerWith(() => new Promise(() => undefined));
  const before = openStripe({ file, webhookEndpoints: [endpoint], deliver }, clock);
  const { id } = await before.stripe.checkout.sessions.create(payment);
  await before.stripe.checkout.sessions.expire(id);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(receiver.bodies).toHaveLength(1);
  before.local.close();

  receiver.answerWith(() => new Response("ok"));
  const after = openStripe({ file, deliver }, clock);
  await after.local.settled();
  expect(receiver.types()).toEqual(["checkout.session.expired"]);
  after.local.close();
});

test("endpoints given at the start take the place of those remembered, whose events wait for them", async () => {
  const file = join(folder, "stripe.db");
  const clock = frozenClock();
  const receiver = openReceiver({ now: clock.now });
  const { endpoint, deliver } = receiver;
  receiver.answerWith(() => new Response("not now", { status: 503 }));
  const before = openStripe({ file, webhookEndpoints: [endpoint], deliver }, clock);
  const { id } = await before.stripe.checkout.sessions.create(payment);
  await before.stripe.checkout.sessions.expire(id);
  await before.local.settled();
  before.local.close();

  receiver.answerWith(() => new Response("ok"));
  clock.advance(60);
  const after = openStripe({ file, webhookEndpoints: [], deliver }, clock);
  await after.local.settled();
  expect(receiver.types()).toEqual([]);
  after.local.addWebhookEndpoint(endpoint);
  await after.local.settled();
  expect(receiver.types()).toEqual(["checkout.session.expired"]);
  after.local.close();
});

test("a clock that was moved stays moved", async () => {
  const file = join(folder, "stripe.db");
  const before = openStripe({ file });
  const { id } = await before.stripe.checkout.sessions.create(subscription);
  before.local.pay(id, buyer);
  before.local.advanceClock(28 * dayMs);
  before.local.close();

  const after = openStripe({ file });
  const { id: later } = await after.stripe.checkout.sessions.create(payment);
  expect((await after.stripe.checkout.sessions.retrieve(later)).created).toBe(Date.UTC(2026, 1, 28, 12) / 1000);
  expect((await after.stripe.invoices.list()).data).toHaveLength(2);
  after.local.close();
});

test("a file of the version before events opens with all it has", async () => {
  const file = join(folder, "stripe.db");
  const database = new DatabaseSync(file);
  database.exec(`
    create table objects (
      seq integer primary key autoincrement, id text not null unique, kind text not null, body text not null
    );
    create index objects_by_kind on objects (kind, seq);
    create table answers (
      key text primary key, method text not null, path text not null, form text not null,
      status integer not null, body text not null, requestId text not null, created integer not null
    );
  `);
  const put = database.prepare("insert into objects (id, kind, body) values (?, ?, ?)");
  const created = Date.UTC(2026, 0, 31, 12) / 1000;
  const base = { created, metadata: {} };
  for (const [kind, record] of oldRecords(base)) {
    put.run(record.id, kind, JSON.stringify(record));
  }
  database.close();

  const { local, stripe, clock } = openStripe({ file });
  expect(local.sessions()).toMatchObject([{ id: "cs_test_open", status: "open", invoice: null }]);
  expect(await stripe.paymentIntents.retrieve("pi_old")).toMatchObject({ status: "succeeded", latest_charge: null });
  expect(await stripe.subscriptions.retrieve("sub_old")).toMatchObject({
    latest_invoice: null,
    billing_cycle_anchor: created,
    items: { data: [{ current_period_start: created }] },
  });
  clock.advance(28 * 86_400);
  expect(local.sessions()).toMatchObject([{ id: "cs_test_open", status: "expired" }]);
  expect((await stripe.invoices.list({ subscription: "sub_old" })).data).toMatchObject([
    { total: 1000, status: "paid" },
  ]);
  local.close();
  openStripe({ file }).local.close();
});

/** What the version before wrote. */
function oldRecords(base: {
  created: number;
  metadata: object;
}): [string, { id: string; [member: string]: unknown }][] {
  const customer = "cus_old";
  const none = { description: null };
  const made = { metadata: {}, ...none, receipt_email: null, statement_descriptor: null };
  return [
    ["customer", { id: customer, ...base, ...none, email: "reader@example.com", name: null, phone: null }],
    [
      "payment_intent",
      { id: "pi_old", ...base, ...made, amount: 1499, currency: "gbp", customer: null, status: "succeeded" },
    ],
    [
      "subscription",
      {
        id: "sub_old",
        ...base,
        ...none,
        customer,
        currency: "gbp",
        status: "active",
        current_period_end: Date.UTC(2026, 1, 28, 12) / 1000,
        trial_end: null,
        trial_start: null,
        items: [{ id: "si_old", price: "price_monthly", quantity: 1 }],
      },
    ],
    [
      "session",
      {
        id: "cs_test_open",
        ...base,
        mode: "payment",
        status: "open",
        payment_status: "unpaid",
        currency: "gbp",
        amount_subtotal: 1499,
        amount_discount: 0,
        amount_total: 1499,
        line_items: [],
        discounts: [],
        success_url: "https://shop.test/",
        cancel_url: null,
        client_reference_id: null,
        customer: null,
        customer_creation: "if_required",
        customer_email: null,
        customer_details: null,
        expires_at: base.created + 86_400,
        payment_intent: null,
        setup_intent: null,
        subscription: null,
        payment_method_collection: "always",
        made: { ...made, trial_period_days: null, trial_end: null },
        echoed: {
          allow_promotion_codes: null,
          allowed_payment_method_types: null,
          automatic_tax: false,
          billing_address_collection: null,
          integration_identifier: null,
          locale: null,
          origin_context: null,
          submit_type: null,
        },
      },
    ],
  ];
}
