import * as v from "valibot";

/** What a contestant's process is asked: `do` names one of its answers, the numbers are its terms. */
export const Question = v.object({
  do: v.string(),
  runs: v.optional(v.number(), 0),
  forMs: v.optional(v.number(), 60_000),
  gapMs: v.optional(v.number(), 3),
  abreast: v.optional(v.number(), 1),
  methods: v.optional(v.number(), 1),
  neighbours: v.optional(v.number(), 0),
});
export type Question = v.InferOutput<typeof Question>;

/** What a contestant's process sends: that it is ready, an answer, or why there is none. */
export const Message = v.variant("kind", [
  v.object({ kind: v.literal("ready") }),
  v.object({ kind: v.literal("answer"), value: v.unknown() }),
  v.object({ kind: v.literal("failed"), message: v.string() }),
]);
export type Message = v.InferOutput<typeof Message>;

/** What a series of runs took: each run's latency, the whole, and the CPU time of the process and of its descendants. */
export const Series = v.object({
  times: v.array(v.number()),
  wallMs: v.number(),
  ownCpuMs: v.number(),
  childrenCpuMs: v.number(),
});
export type Series = v.InferOutput<typeof Series>;

/** Latencies beside neighbours, and how the neighbours' runs ended. */
export const Beside = v.object({ times: v.array(v.number()), ends: v.record(v.string(), v.number()) });
export type Beside = v.InferOutput<typeof Beside>;

/**
 * What is held: isolates, isolated-vm's contexts, scripts and references that were not released, resident memory of the engine's process and of the sandbox processes, and
 * what keeps the engine awake.
 */
export const Held = v.object({
  engineKib: v.number(),
  sandboxKib: v.number(),
  isolates: v.number(),
  handles: v.number(),
  sandboxes: v.array(v.number()),
  resources: v.number(),
});
export type Held = v.InferOutput<typeof Held>;
