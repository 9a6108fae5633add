import { Stripe } from "stripe";
import type { Catalogue } from "../../local-stripe/catalogue.ts";
import { createLocalStripe, type LocalStripeOptions } from "../../local-stripe/local-stripe.ts";

export const secretKey = "sk_test_demo1234567890";

export const catalogue: Catalogue = {
  account: { id: "acct_demo", name: "The Daily Tribune" },
  products: [
    { id: "prod_premium", name: "Premium", description: "Every article" },
    { id: "prod_book", name: "Crossword Annual" },
    { id: "prod_gone", name: "Out of print", active: false },
  ],
  prices: [
    {
      id: "price_monthly",
      product: "prod_premium",
      currency: "gbp",
      unitAmount: 1000,
      recurring: { interval: "month" },
    },
    { id: "price_yearly", product: "prod_premium", currency: "gbp", unitAmount: 9900, recurring: { interval: "year" } },
    { id: "price_book", product: "prod_book", currency: "gbp", unitAmount: 1499 },
    { id: "price_pin", product: "prod_book", currency: "gbp", unitAmount: 20 },
    { id: "price_book_usd", product: "prod_book", currency: "usd", unitAmount: 1999 },
    { id: "price_old", product: "prod_book", currency: "gbp", unitAmount: 999, active: false },
    { id: "price_gone", product: "prod_gone", currency: "gbp", unitAmount: 999 },
  ],
  coupons: [
    { id: "TWENTY", name: "Welcome", percentOff: 20 },
    { id: "FREE", percentOff: 100 },
    { id: "TENNER", amountOff: 1000, currency: "gbp" },
    { id: "BUCK", amountOff: 100, currency: "usd" },
  ],
  promotionCodes: [{ id: "promo_hello", code: "HELLO", coupon: "TWENTY" }],
};

/** A clock that stands still until it is moved. */
export function frozenClock(start = Date.UTC(2026, 0, 31, 12)) {
  let time = start;
  return {
    now: () => time,
    seconds: () => Math.floor(time / 1000),
    advance: (seconds: number) => {
      time += seconds * 1000;
    },
  };
}

/** A local Stripe with the catalogue, and the official client speaking to it in-process. */
export function openStripe(options: Partial<LocalStripeOptions> = {}, clock = frozenClock()) {
  const local = createLocalStripe({
    publicUrl: "http://checkout.test",
    secretKeys: [secretKey],
    catalogue,
    now: clock.now,
    ...options,
  });
  return { local, clock, stripe: clientOf(local.fetch) };
}

/** The official client on a local Stripe's `fetch`. */
export function clientOf(fetchFn: typeof fetch, { key = secretKey, maxNetworkRetries = 0 } = {}): Stripe {
  return new Stripe(key, { httpClient: Stripe.createFetchHttpClient(fetchFn), maxNetworkRetries, telemetry: false });
}

/** The least a session is made of. */
export const payment = {
  mode: "payment",
  line_items: [{ price: "price_book", quantity: 1 }],
  success_url: "https://shop.test/thanks?session={CHECKOUT_SESSION_ID}",
  cancel_url: "https://shop.test/offers",
} satisfies Stripe.Checkout.SessionCreateParams;

export const subscription = {
  ...payment,
  mode: "subscription",
  line_items: [{ price: "price_monthly", quantity: 1 }],
} satisfies Stripe.Checkout.SessionCreateParams;

/** What a buyer types. */
export const goodCard = {
  email: "reader@example.com",
  number: "4242 4242 4242 4242",
  expiry: "12 / 34",
  cvc: "123",
  name: "Ada Reader",
};

type Local = ReturnType<typeof openStripe>["local"];

/** Sends the hosted page's form. */
export async function submit(
  local: Local,
  url: string | null,
  fields: Record<string, string> = goodCard,
): Promise<Response> {
  return await local.app.request(url ?? "", { method: "POST", body: new URLSearchParams(fields) });
}

export const webhookSecret = "whsec_test_0123456789";

/** A webhook endpoint in the same process: it believes what Stripe's own library verifies, and answers as it is told. */
export function openReceiver({ url = "http://shop.test/webhooks", now = Date.now } = {}) {
  const events: Stripe.Event[] = [];
  const bodies: string[] = [];
  const verifier = new Stripe(secretKey);
  let answer: () => Response | Promise<Response> = () => new Response("ok");
  const deliver: typeof fetch = async (_, init) => {
    const body = String(init?.body);
    const signature = new Headers(init?.headers).get("stripe-signature") ?? "";
    bodies.push(body);
    const event = verifier.webhooks.constructEvent(body, signature, webhookSecret, 300, undefined, now());
    const response = await answer();
    if (response.ok) events.push(event);
    return response;
  };
  return {
    events,
    bodies,
    deliver,
    endpoint: { url, secret: webhookSecret },
    /** The types that have arrived since the last time this was asked, in order. */
    types: () => events.splice(0).map(({ type }) => type),
    answerWith: (next: typeof answer) => {
      answer = next;
    },
  };
}

/** A local Stripe that sends its events to a receiver. */
export function openWithReceiver(options: Partial<LocalStripeOptions> = {}) {
  const clock = frozenClock();
  const receiver = openReceiver({ now: clock.now });
  const { endpoint, deliver } = receiver;
  return { receiver, ...openStripe({ webhookEndpoints: [endpoint], deliver, ...options }, clock) };
}

export const buyer = { email: "reader@example.com", name: "Ada Reader" };

/** A day, in the clock's milliseconds. */
export const dayMs = 86_400_000;

/** A raw API request, for what the client would never send. */
export async function send(
  local: Local,
  method: string,
  path: string,
  { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const form = { authorization: `Bearer ${secretKey}`, "content-type": "application/x-www-form-urlencoded" };
  return await local.app.request(`http://stripe.test${path}`, {
    method,
    headers: { ...form, ...headers },
    ...(body !== undefined && { body }),
  });
}

/** The Stripe error a promise is rejected with. */
export async function refusal(promise: Promise<unknown>): Promise<InstanceType<typeof Stripe.errors.StripeError>> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Stripe.errors.StripeError) {
    return error;
  }
  throw new Error("Stripe did not refuse", { cause: error });
}
