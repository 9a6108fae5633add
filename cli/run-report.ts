import * as v from "valibot";
import { Json } from "../schemas/json.ts";

const Verdict = v.variant("kind", [
  v.object({
    kind: v.literal("result"),
    result: v.object({
      success: v.boolean(),
      statusCode: v.optional(v.number()),
      message: v.optional(v.string()),
      action: v.optional(v.string()),
      url: v.optional(v.string()),
      properties: v.optional(v.record(v.string(), Json)),
    }),
  }),
  v.object({ kind: v.literal("broken"), reason: v.string() }),
  v.object({ kind: v.literal("unavailable"), reason: v.string() }),
]);

const HostCall = v.object({
  name: v.string(),
  args: Json,
  durationMs: v.number(),
  ok: v.boolean(),
  answer: Json,
  /** Answered as it would be, and not done. */
  simulated: v.optional(v.boolean(), false),
});

const LogLine = v.object({ level: v.string(), atMs: v.number(), message: v.string() });

/** One run of a workflow as the server reports it. Times in milliseconds. */
export const RunReport = v.looseObject({
  verdict: Verdict,
  outcome: v.string(),
  error: v.optional(v.nullable(v.object({ stack: v.string() })), null),
  logs: v.array(LogLine),
  logsTruncated: v.boolean(),
  hostCalls: v.array(HostCall),
  cpuMs: v.number(),
  wallMs: v.number(),
});
export type RunReport = v.InferOutput<typeof RunReport>;

/** One call that a workflow made to the outside. */
export type HostCall = v.InferOutput<typeof HostCall>;
