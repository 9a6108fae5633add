import { afterAll, beforeAll, expect, test } from "vitest";
import type { Records } from "../../local-stripe/records.ts";
import { openStore, type Store } from "../../local-stripe/store.ts";

const sizes = { few: 200, many: 20_000 };

function storeOf(count: number): Store {
  const store = openStore();
  store.transaction(() => {
    store.putEndpoint({ url: "http://shop.test/", secret: "whsec_1" });
    for (let index = 0; index < count; index++) {
      store.put("charge", chargeOf(index));
      store.put("payment_intent", intentOf(index));
      const event = `evt_${index}`;
      store.addEvent({ id: event, type: "charge.succeeded", created: index, body: "{}" });
      store.addDelivery({ event, url: "http://shop.test/", state: "pending", dueAtMs: index });
    }
  });
  return store;
}

function chargeOf(index: number): Records["charge"] {
  return {
    id: `ch_${index}`,
    created: index,
    metadata: {},
    amount: 100,
    amount_refunded: 0,
    currency: "gbp",
    customer: `cus_${index}`,
    description: null,
    disputed: false,
    failure_code: null,
    failure_message: null,
    payment_intent: `pi_${index}`,
    receipt_email: null,
    statement_descriptor: null,
    status: "succeeded",
    method: "card",
    billing: { email: null, name: null },
  };
}

function intentOf(index: number): Records["payment_intent"] {
  const { amount, currency, customer, description, receipt_email, statement_descriptor, billing } = chargeOf(index);
  const charged = { amount, currency, customer, description, receipt_email, statement_descriptor, billing };
  return {
    ...charged,
    id: `pi_${index}`,
    created: index,
    metadata: {},
    status: "processing",
    method: "bacs_debit",
    latest_charge: `ch_${index}`,
    last_payment_error: null,
    settles_at: 1_000_000 + index,
  };
}

let few: Store;
let many: Store;
beforeAll(() => {
  few = storeOf(sizes.few);
  many = storeOf(sizes.many);
});
afterAll(() => {
  few.close();
  many.close();
});

const page = { created: undefined, since: 0, types: undefined, delivered: undefined, after: undefined };

const lookups: [string, (store: Store, index: number) => unknown][] = [
  ["a charge by its payment intent", (store, index) => store.find("charge", { payment_intent: `pi_${index}` })],
  ["charges by customer", (store, index) => Array.from(store.scan("charge", { by: { customer: `cus_${index}` } }))],
  ["charges of a time", (store, index) => Array.from(store.scan("charge", { created: { gte: index, lt: index + 2 } }))],
  ["the next page of charges", (store, index) => store.scan("charge", { after: `ch_${index}` }).next()],
  ["what is due", (store) => store.due(1_000_000)],
  ["when something is due", (store) => store.nextDue()],
  [
    "the next page of events",
    (store, index) => store.events({ ...page, after: `evt_${index}`, before: undefined, limit: 5 }),
  ],
  [
    "events of a time",
    (store, index) => store.events({ ...page, created: { gte: index, lt: index + 2 }, before: undefined, limit: 5 }),
  ],
  ["deliveries that are due", (store) => store.dueDeliveries(20, 16)],
  ["when a delivery is due", (store, index) => store.nextDelivery(index)],
];

test.for(lookups)("%s: among twenty thousand it takes no longer than among two hundred", ([, look]) => {
  const fastest = (store: Store) => {
    const times = Array.from({ length: 20 }, (_, round) => {
      const start = performance.now();
      for (let index = 0; index < 10; index++) {
        look(store, (round * 10 + index) % sizes.few);
      }
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  fastest(few);
  fastest(many);
  // a scan would take a hundred times as long
  expect(fastest(many)).toBeLessThan(fastest(few) * 10 + 1);
});

test("a transaction within another one is undone with it", () => {
  const store = openStore();
  expect(() =>
    store.transaction(() => {
      store.transaction(() => store.put("charge", chargeOf(1)));
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(store.get("charge", "ch_1")).toBeUndefined();
  store.close();
});
