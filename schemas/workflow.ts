import * as v from "valibot";
import { JsonObject } from "./json.ts";

/** How the caller's identity was established (MonetizationOS `authType`). */
export const AuthType = v.picklist(["provided", "jwt", "anonymous"]);
export type AuthType = v.InferOutput<typeof AuthType>;

/** The most that a run may ever be given. A server may set less. */
export const largestBudgets = { wallMs: 60_000, cpuMs: 10_000, memoryBytes: 128 << 20, outboundCalls: 200 };

/** What one run of a workflow may use. Times in milliseconds, sizes in bytes. */
export const Budgets = v.strictObject({
  wallMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(50), v.maxValue(largestBudgets.wallMs)), 10_000),
  cpuMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(largestBudgets.cpuMs)), 500),
  memoryBytes: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(8 << 20), v.maxValue(largestBudgets.memoryBytes)),
    32 << 20,
  ),
  outboundCalls: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(largestBudgets.outboundCalls)),
    20,
  ),
  responseBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(8 << 20)), 1 << 20),
  resultBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(1 << 20)), 256 << 10),
  logBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1 << 20)), 64 << 10),
});
export type Budgets = v.InferOutput<typeof Budgets>;

/** The budgets of an environment that sets none. */
export const defaultBudgets: Budgets = v.parse(Budgets, {});

/**
 * An address to send a browser to. A site may copy it into a header: there a line break would be the next header's beginning.
 * A name before the host is a host's disguise.
 */
export const HttpUrl = v.pipe(
  v.string(),
  v.maxLength(16_384),
  v.url(),
  v.check((url) => /^https?:\/\//i.test(url), "must be an http or https URL"),
  v.check((url) => !/[\p{Cc}\s]/u.test(url), "must not contain spaces or control characters"),
  v.check(hasNoCredentials, "must not contain a user name or a password"),
);

function hasNoCredentials(text: string): boolean {
  const url = URL.parse(text);
  return url === null || (url.username === "" && url.password === "");
}

/**
 * What a redemption-method workflow may return: a closed union. Anything else is a 531.
 * `action: "navigate"` needs a `url`; `statusCode` is an HTTP status that may carry a body.
 */
export const WorkflowResult = v.pipe(
  v.strictObject({
    success: v.boolean(),
    statusCode: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(200),
        v.maxValue(599),
        v.check((status) => ![204, 205, 304].includes(status), "must be a status that may carry a body"),
      ),
    ),
    message: v.optional(v.pipe(v.string(), v.maxLength(4096))),
    action: v.optional(v.literal("navigate")),
    url: v.optional(HttpUrl),
    properties: v.optional(JsonObject),
  }),
  v.check((r) => r.action !== "navigate" || r.url !== undefined, 'action "navigate" needs a url'),
  v.check((r) => r.url === undefined || r.action === "navigate", 'a url needs action: "navigate"'),
);
export type WorkflowResult = v.InferOutput<typeof WorkflowResult>;
