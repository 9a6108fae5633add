import * as v from "valibot";
import { expect, test } from "vitest";
import { StripeRequest } from "../../engine/stripe.ts";

test.each(["/v1/..?x=1", "/v1/%2e%2e?x=1", "/v1/a/.?x", "/v1/..", "/v1/../v2/x"])(
  "%s leaves /v1/ and is refused",
  (path) => {
    expect(v.safeParse(StripeRequest, { method: "GET", path }).success).toBe(false);
  },
);

test.each(["/v1/prices?limit=1", "/v1/customers/search?query=email:%22a..b%22", "/v1/products/a..b"])(
  "%s is a path",
  (path) => {
    expect(v.safeParse(StripeRequest, { method: "GET", path }).success).toBe(true);
  },
);
