import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveLocalStripe } from "../../local-stripe/serve.ts";
import { buyer, catalogue, clientOf, openReceiver, payment, secretKey, subscription } from "./fixture.ts";

const receiver = openReceiver();
let served: Awaited<ReturnType<typeof serveLocalStripe>>;
let stripe: ReturnType<typeof clientOf>;
beforeAll(async () => {
  served = await serveLocalStripe({ port: 0, secretKeys: [secretKey], catalogue, deliver: receiver.deliver });
  stripe = clientOf(served.fetch);
});
afterAll(() => served.stop());

/** A control as another process has it. */
async function control(path: string, body?: object, key = secretKey) {
  const answer = await fetch(`${served.url}/_control${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: v.parse(v.looseObject({}), await answer.json()) };
}

describe("over HTTP", () => {
  test("an endpoint is added, a session paid, and its events waited for", async () => {
    expect(await control("/webhook_endpoints", receiver.endpoint)).toEqual({ status: 200, body: { done: true } });
    const { id } = await stripe.checkout.sessions.create(payment);
    expect(await control(`/sessions/${id}/pay`, buyer)).toMatchObject({
      status: 200,
      body: { id, status: "complete", payment_status: "paid" },
    });
    expect(await control(`/sessions/${id}/pay`, buyer)).toMatchObject({ status: 200, body: { id } });
    expect(await control("/settled")).toEqual({ status: 200, body: { done: true } });
    expect(receiver.types()).toEqual(["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]);
    const answer = await fetch(`${served.url}/_control/deliveries`, {
      headers: { authorization: `Bearer ${secretKey}` },
    });
    expect(await answer.json()).toMatchObject({
      deliveries: [{ state: "delivered", attempts: 1, lastStatus: 200 }, {}, {}],
    });
  });

  test("a session is expired, once", async () => {
    const { id } = await stripe.checkout.sessions.create(payment);
    expect(await control(`/sessions/${id}/expire`)).toMatchObject({ status: 200, body: { status: "expired" } });
    expect(await control(`/sessions/${id}/expire`)).toMatchObject({
      status: 400,
      body: { error: { type: "invalid_request_error" } },
    });
    expect(await control(`/sessions/${id}/pay`, buyer)).toMatchObject({
      status: 400,
      body: { error: { message: "This Checkout Session has expired." } },
    });
  });

  test("a bank debit is settled", async () => {
    const { id } = await stripe.checkout.sessions.create(payment);
    expect(await control(`/sessions/${id}/pay`, { ...buyer, method: "delayed" })).toMatchObject({
      body: { payment_status: "unpaid" },
    });
    expect(await control(`/sessions/${id}/settle`, { outcome: "succeeded" })).toMatchObject({ status: 200 });
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ payment_status: "paid" });
    expect(await control(`/sessions/${id}/settle`, { outcome: "succeeded" })).toMatchObject({ status: 400 });
  });

  test("a charge is disputed, and the dispute closed", async () => {
    const { id } = await stripe.checkout.sessions.create(payment);
    const { payment_intent } = served.pay(id, buyer);
    const opened = await control("/disputes", { id: payment_intent, status: "warning_needs_response" });
    expect(opened).toMatchObject({ status: 200, body: { object: "dispute", status: "warning_needs_response" } });
    const closed = await control(`/disputes/${opened.body.id}/close`, { status: "warning_closed" });
    expect(closed).toMatchObject({ status: 200, body: { status: "warning_closed" } });
  });

  test("the clock is moved, and a card fails", async () => {
    const { id } = await stripe.checkout.sessions.create(subscription);
    const session = served.pay(id, buyer);
    expect(await control(`/customers/${session.customer}/fail_payments`)).toMatchObject({ status: 200 });
    const before = Math.floor(Date.now() / 1000);
    const moved = await control("/advance_clock", { ms: 32 * 86_400_000 });
    expect(moved.body.now).toBeGreaterThanOrEqual(before + 32 * 86_400);
    expect(await stripe.subscriptions.retrieve(String(session.subscription))).toMatchObject({ status: "past_due" });
    expect(await control(`/customers/${session.customer}/fail_payments`, { failing: false })).toMatchObject({
      status: 200,
    });
    expect(await control("/tick")).toEqual({ status: 200, body: { done: true } });
    expect(await control("/customers/cus_nope/fail_payments")).toMatchObject({ status: 404 });
  });

  test("chaos is set and ended", async () => {
    expect(await control("/chaos", { seed: 1, api: { error500: 1 } })).toMatchObject({ status: 200 });
    await expect(stripe.products.list()).rejects.toMatchObject({ statusCode: 500 });
    expect(await control("/chaos", {})).toMatchObject({ status: 200 });
    expect((await stripe.products.list()).object).toBe("list");
  });

  test.for([
    ["/sessions/cs_test_nope/pay", buyer, 404],
    ["/sessions/cs_test_nope/pay", { name: "Ada" }, 400],
    ["/disputes", { id: "pi_nope" }, 400],
    ["/advance_clock", { ms: -1 }, 400],
    ["/chaos", { api: { error500: 2 } }, 400],
    ["/chaos", { colour: "red" }, 400],
    ["/webhook_endpoints", { url: "nowhere", secret: "whsec_1" }, 400],
    ["/nothing", {}, 404],
  ] as const)("%s with %o is refused", async ([path, body, status]) => {
    expect(await control(path, body)).toMatchObject({ status, body: { error: { type: "invalid_request_error" } } });
  });

  test("nothing is done without the secret key", async () => {
    const { id } = await stripe.checkout.sessions.create(payment);
    for (const path of [`/sessions/${id}/pay`, "/chaos", "/tick", "/advance_clock", "/webhook_endpoints"]) {
      expect(await control(path, buyer, "sk_test_wrong")).toMatchObject({ status: 401 });
    }
    expect((await fetch(`${served.url}/_control/deliveries`)).status).toBe(401);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({ status: "open" });
  });
});

test("a stopped server leaves nothing that keeps its process alive", async () => {
  const program = `
    import { serveLocalStripe } from "./local-stripe/serve.ts";
    const served = await serveLocalStripe({
      port: 0,
      secretKeys: ["sk_test_x"],
      webhookEndpoints: [{ url: "http://127.0.0.1:9/", secret: "whsec_x" }],
      catalogue: ${JSON.stringify(catalogue)},
    });
    const body = "mode=payment&success_url=https://shop.test/&line_items[0][price]=price_book&line_items[0][quantity]=1";
    const headers = { authorization: "Bearer sk_test_x", "content-type": "application/x-www-form-urlencoded" };
    const answer = await fetch(served.url + "/v1/checkout/sessions", { method: "POST", headers, body });
    served.expire((await answer.json()).id);
    await served.settled();
    console.log(JSON.stringify(served.deliveries().map(({ state, attempts }) => [state, attempts])));
    await served.stop();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: new URL("../..", import.meta.url).pathname,
    timeout: 15_000,
  });
  expect(stdout.trim()).toBe('[["pending",1]]');
});
