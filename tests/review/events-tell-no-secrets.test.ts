import { afterEach, expect, test } from "vitest";
import { maskedText } from "../../engine/masking.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";

const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

const jws = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

test.each([
  ["a member named as headers are", { "x-api-key": "K1", "Proxy-Authorization": "K1", "X-MOS-Key": "K1" }, "K1"],
  ["a member named as tokens are", { access_token: "K1", refreshToken: "K1", clientSecret: "K1" }, "K1"],
  ["a list of headers", [["authorization", "Bearer sk_live_12345678"]], "sk_live_12345678"],
  ["a token in an address", { url: `https://news.test/sign-up?offerToken=${jws}&a=b` }, jws],
  ["a token in a log line", { logs: [{ message: `got "${jws}"` }] }, jws],
])("%s is masked", (_, value, secret) => {
  expect(maskedText(value)).not.toContain(secret);
});

test.each([
  ["percent-encoded", (secret: string) => `https://a.test/?k=${encodeURIComponent(secret)}`],
  ["in base64 with a colon after it", (secret: string) => `${btoa(`${secret}:`)}`],
  ["as it is", (secret: string) => secret],
])("a secret is masked %s", (_, spelling) => {
  const secret = "ab+/cd==efgh/1";
  const text = spelling(secret);
  expect(maskedText({ text }, [secret])).not.toContain(text.slice(-12, -4));
});

test("of two secrets that begin alike nothing is left", () => {
  expect(maskedText({ a: "tok_abc_def_secret" }, ["tok_abc", "tok_abc_def_secret"])).toBe('{"a":"***"}');
});

test("masking a text of many beginnings takes no time", () => {
  const began = performance.now();
  maskedText({ a: "eyJ-".repeat(60_000), b: "eyJa.eyJ".repeat(30_000), c: "Bearer ".repeat(40_000) });
  expect(performance.now() - began).toBeLessThan(500);
});

test("a secret of four characters is masked in the env of events and tries", async () => {
  const world = await createWorld({
    config: (sample) => ({
      ...sample,
      redemptionMethods: [
        method("stripe-checkout", "export default async () => ({ success: true })", "mos:stripe-checkout-instructions"),
      ],
    }),
  });
  worlds.push(world);
  const at = "/api/v1/manage/environments/env_preview";
  await ask(world, "PUT", `${at}/secrets`, { key: world.adminToken, body: { name: "PIN", value: "1234" } });
  const tried = await ask(world, "POST", `${at}/redemption-methods/stripe-checkout/try`, {
    key: world.adminToken,
    body: {},
  });
  expect(tried.body.run.input.env).toEqual({ GREETING: "hello", PIN: "***" });
  const buyer = { userIdentifier: "a" };
  const token = (await decideFor(world, buyer)).body.offers[0].token;
  const { body } = await redeemAs(world, buyer, token);
  const event = await ask(world, "GET", `/api/v1/events/${body.eventId}`);
  expect(event.body.event.data.run.input.env).toEqual({ GREETING: "hello", PIN: "***" });
});
