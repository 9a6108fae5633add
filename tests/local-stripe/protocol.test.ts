import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientOf, openStripe, payment, refusal, secretKey, send } from "./fixture.ts";

let open: ReturnType<typeof openStripe>;
beforeAll(() => {
  open = openStripe();
});
afterAll(() => open.local.close());

describe("keys", () => {
  test("a request without one is refused", async () => {
    const answer = await send(open.local, "GET", "/v1/prices", { headers: { authorization: "" } });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({
      error: { type: "invalid_request_error", message: expect.stringContaining("You did not provide an API key") },
    });
  });

  test("a wrong one is refused and shown masked", async () => {
    const error = await refusal(clientOf(open.local.fetch, { key: "sk_test_wrong0000abcd" }).prices.list());
    expect(error).toMatchObject({ statusCode: 401, type: "StripeAuthenticationError" });
    expect(error.message).toBe("Invalid API Key provided: sk_test_*********abcd");
  });

  test("a publishable one is refused", async () => {
    const error = await refusal(clientOf(open.local.fetch, { key: "pk_test_demo" }).prices.list());
    expect(error).toMatchObject({ statusCode: 401, code: "secret_key_required" });
  });

  test("Basic with the key as user name is accepted", async () => {
    const authorization = `Basic ${Buffer.from(`${secretKey}:`).toString("base64")}`;
    expect((await send(open.local, "GET", "/v1/prices", { headers: { authorization } })).status).toBe(200);
  });
});

describe("every answer", () => {
  test("has a request id and the version asked for", async () => {
    const answer = await send(open.local, "GET", "/v1/account", { headers: { "stripe-version": "2026-10-28.endive" } });
    expect(answer.headers.get("request-id")).toMatch(/^req_/);
    expect(answer.headers.get("stripe-version")).toBe("2026-10-28.endive");
    const { lastResponse } = await open.stripe.accounts.retrieveCurrent();
    expect(lastResponse.requestId).toMatch(/^req_/);
  });

  test.for([
    ["GET", "/v1/unicorns"],
    ["DELETE", "/v1/prices/price_book"],
    ["GET", "/v2/core/accounts"],
    ["GET", "/"],
  ] as const)("on an unknown path is Stripe's error: %s %s", async ([method, path]) => {
    const answer = await send(open.local, method, path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get("request-id")).toMatch(/^req_/);
    const message = expect.stringContaining(`Unrecognized request URL (${method}: ${path})`);
    expect(await answer.json()).toMatchObject({ error: { type: "invalid_request_error", message } });
  });

  test("on a body of JSON is a refusal", async () => {
    const headers = { "content-type": "application/json" };
    const answer = await send(open.local, "POST", "/v1/products", { headers, body: '{"name":"x"}' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { message: expect.stringContaining("application/x-www-form-urlencoded") },
    });
  });

  test("on an unknown id is 404 resource_missing", async () => {
    const { stripe } = open;
    const asked = [
      stripe.checkout.sessions.retrieve("cs_test_nope"),
      stripe.checkout.sessions.expire("cs_test_nope"),
      stripe.checkout.sessions.listLineItems("cs_test_nope"),
      stripe.prices.retrieve("nope"),
      stripe.products.retrieve("nope"),
      stripe.coupons.retrieve("nope"),
      stripe.promotionCodes.retrieve("nope"),
      stripe.customers.retrieve("nope"),
      stripe.paymentIntents.retrieve("nope"),
      stripe.setupIntents.retrieve("nope"),
      stripe.subscriptions.retrieve("nope"),
    ];
    for (const error of await Promise.all(asked.map(refusal))) {
      expect(error).toMatchObject({ statusCode: 404, code: "resource_missing" });
    }
  });
});

describe("expand", () => {
  test("reaches through lists and levels", async () => {
    const { stripe } = open;
    const session = await stripe.checkout.sessions.create({ ...payment, expand: ["line_items.data.price.product"] });
    expect(session.line_items?.data).toMatchObject([{ price: { product: { name: "Crossword Annual" } } }]);
  });

  test("of what is not there is refused", async () => {
    const error = await refusal(open.stripe.prices.retrieve("price_book", { expand: ["colour"] }));
    expect(error).toMatchObject({ statusCode: 400, message: "This property cannot be expanded (colour)." });
  });
});

test.for([0, 101])("a page of %i is refused", async (limit) => {
  expect(await refusal(open.stripe.prices.list({ limit }))).toMatchObject({ statusCode: 400, param: "limit" });
});

test("a cursor that names nothing is refused", async () => {
  const error = await refusal(open.stripe.prices.list({ starting_after: "price_nope" }));
  expect(error).toMatchObject({ code: "resource_missing", param: "starting_after" });
});

test("requests are counted by path", async () => {
  const before = open.local.requestCount("POST /v1/products");
  await open.stripe.products.create({ name: "Counted" });
  expect(open.local.requestCount("POST /v1/products")).toBe(before + 1);
  expect(open.local.requests().at(-1)).toEqual({ method: "POST", path: "/v1/products", status: 200 });
});
