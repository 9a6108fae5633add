import * as v from "valibot";
import type { Json } from "../../schemas/json.ts";

/**
 * What the supervisor tells a sandbox process; the body beside it is named in each case. Every command but `hello`,
 * `drop` and `count` is one slice: the process answers it with exactly one report before it reads the next.
 */
export type Command =
  /** Body: the guest's prelude. Answered by `ready`. */
  | { do: "hello"; idleIsolates: number }
  /** Body: the input as JSON. `script` is left out when the process has seen `codeHash` before. */
  | ({ do: "start"; run: string; key: string; codeHash: string; script?: string; memoryMiB: number } & StartTerms &
      Turn)
  /** Body: the answer's value, or its error `{ name, message }`, as JSON. */
  | ({ do: "settle"; run: string; id: number; ok: boolean } & Turn)
  | ({ do: "fire"; run: string; id: number } & Turn)
  /** Forget the run; its isolate may serve again only if `reuse`. No answer. */
  | { do: "drop"; run: string; reuse: boolean }
  /** What does the process hold? Answered by `counts`, between slices. */
  | { do: "count" };

/** What a slice may take, and the time its clock shows. */
export type Turn = { sliceMs: number; nowMs: number };

/**
 * What the guest's prelude is told at the start. `seed` (four 32-bit integers) makes `Math.random` repeatable, `randomKey`
 * (32 bytes in hex) makes `crypto` repeatable and nobody else able to foresee it. Each run draws its own.
 */
export type StartTerms = {
  mode: "run" | "inspect";
  seed: number[];
  randomKey: string;
  resultBytes: number;
  logBytes: number;
};

const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000));
const text = (maxChars: number) => v.pipe(v.string(), v.maxLength(maxChars));
const CpuMs = v.pipe(v.number(), v.finite(), v.minValue(0));

/**
 * One of several objects, told apart by what they have as `key`. Valibot's `variant` tries one after the other: with this a
 * message of the sandbox is read in half the time, and leaves a third of the garbage.
 */
function oneOf<Kind extends v.GenericSchema>(key: string, kinds: Record<string, Kind>) {
  const known = new Map<unknown, Kind>(Object.entries(kinds));
  const none = v.never();
  return v.lazy((input) => {
    const kind: unknown = typeof input === "object" && input !== null ? Reflect.get(input, key) : undefined;
    return known.get(kind) ?? none;
  });
}

const reports = {
  ready: v.object({ kind: v.literal("ready") }),
  "need-script": v.object({ kind: v.literal("need-script"), run: v.string() }),
  /** `ended`: the guest has told how the run ended, and the process has forgotten it: no `drop` is needed. */
  slice: v.object({ kind: v.literal("slice"), run: v.string(), cpuMs: CpuMs, ended: v.boolean() }),
  failed: v.object({
    kind: v.literal("failed"),
    run: v.string(),
    cpuMs: CpuMs,
    why: v.picklist(["timeout", "memory", "flood", "crash"]),
    message: text(4096),
  }),
  /** Isolates that are idle, and those in a run; and what they hold of isolated-vm: scripts, contexts, references. */
  counts: v.object({ kind: v.literal("counts"), idle: Count, live: Count, handles: Count }),
};

/** What a sandbox process reports. It is hostile territory: nothing in it is believed before it is parsed. */
export const Report = oneOf("kind", reports);
export type Report = v.InferOutput<typeof Report>;

/** Not checked again: it is part of a text that `JSON.parse` has just read. */
const ParsedJson = v.custom<Json>((value) => value !== undefined);

const records = {
  log: v.object({
    k: v.literal("log"),
    level: v.picklist(["debug", "log", "info", "warn", "error"]),
    at: v.pipe(v.number(), v.finite()),
    text: v.string(),
  }),
  truncated: v.object({ k: v.literal("truncated") }),
  call: v.object({ k: v.literal("call"), seq: Count, name: text(64), args: ParsedJson }),
  timer: v.object({ k: v.literal("timer"), id: Count, ms: v.pipe(v.number(), v.finite(), v.minValue(0)) }),
  clear: v.object({ k: v.literal("clear"), id: Count }),
  returned: v.object({ k: v.literal("returned"), value: ParsedJson }),
  refused: v.object({ k: v.literal("refused"), message: text(4096) }),
  threw: v.object({ k: v.literal("threw"), name: text(256), message: text(4096), stack: text(8192) }),
  stray: v.object({ k: v.literal("stray"), id: Count }),
};

/** More than a guest's prelude lets out of one slice. */
const recordsMax = 20_000;

/** What a guest said in one slice, in order: the body of a `slice` or `failed` report. */
export const GuestRecords = v.pipe(v.array(v.unknown()), v.maxLength(recordsMax), v.array(oneOf("k", records)));
export type GuestRecord = v.InferOutput<typeof GuestRecords>[number];
