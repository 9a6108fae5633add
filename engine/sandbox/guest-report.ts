import { hash } from "node:crypto";
import * as v from "valibot";
import type { Json } from "../../schemas/json.ts";
import type { HostAnswer } from "../sandbox.ts";
import { endRun, guestError, outOfMemory, overBudget, type PoolRun, textOf, wallLeftMs } from "./pool-run.ts";
import { type GuestRecord, GuestRecords, type Report } from "./protocol.ts";

type SliceReport = Extract<Report, { kind: "slice" | "failed" }>;
type Call = Extract<GuestRecord, { k: "call" }>;

/** Charged for each log line beside its text. */
const logLineBytes = 16;
const timersMax = 200;
/** Timers and answers that a run may be woken by: its journal is kept in memory. */
const slicesMax = 10_000;
/** Calls past the budget are refused one by one, so that the author can tell; past these too the run is ended. */
const refusedCallsMax = 100;
/** Deeper values would overflow the stack of whoever walks them. */
const depthMax = 100;
/** Beside `responseBytes` of the budget: an answer is JSON, with headers around the body and escapes in it. */
const answerSlackBytes = 64 << 10;
const signatureMaxChars = 4096;

/** Takes in what the guest said in one slice: logs, host calls, timers, and perhaps how the run ended. */
export function hearSlice(run: PoolRun, report: SliceReport, body: string): void {
  const echo = run.echoes > 0;
  if (run.inFlight) run.history.push(run.inFlight);
  run.inFlight = undefined;
  if (echo) run.echoes -= 1;
  if (run.outcome) return;
  run.cpuMs = Math.max(run.cpuMs, report.cpuMs);
  const records = parseRecords(body);
  if (run.history.length > slicesMax) {
    endRun(run, { kind: "cpu-exceeded", message: `the run took more than ${slicesMax} turns` });
    return;
  }
  if (!records) {
    fail(run, "the sandbox process broke the protocol");
    return;
  }
  const failed = report.kind === "failed";
  if (!echo) hearLogs(run, records);
  for (const record of records) {
    if (run.outcome) return;
    if (echo) checkEcho(run, record);
    else if (!failed) hearRecord(run, record, body.length);
  }
  if (run.outcome) return;
  if (failed) endFailed(run, report);
  else if (run.cpuMs > run.job.budgets.cpuMs || wallLeftMs(run) <= 0) endRun(run, overBudget(run));
  else endIfStuck(run);
}

function parseRecords(body: string): GuestRecord[] | undefined {
  try {
    const records = v.safeParse(GuestRecords, JSON.parse(body));
    return records.success ? records.output : undefined;
  } catch {
    return undefined;
  }
}

function endFailed(run: PoolRun, report: Extract<SliceReport, { kind: "failed" }>): void {
  if (report.why === "timeout") endRun(run, overBudget(run));
  else if (report.why === "memory") endRun(run, outOfMemory(run));
  else if (report.why === "flood") endRun(run, { kind: "refused", message: `the run sent ${report.message}` });
  // the message may be the guest's: it must not pass for one of the pool's own
  else fail(run, `the sandbox process failed: ${report.message}`);
}

function fail(run: PoolRun, message: string): void {
  endRun(run, { kind: "host-failure", reason: "protocol", message });
}

/** Without a timer, an unanswered call or a slice to come nothing can wake the guest any more: why wait for the wall? */
function endIfStuck(run: PoolRun): void {
  if (run.backlog.length > 0 || run.unanswered > 0 || run.timers.size > 0) return;
  endRun(run, { kind: "timed-out", message: "the workflow waits for a promise that nothing can settle" });
}

function hearRecord(run: PoolRun, record: GuestRecord, chars: number): void {
  if (record.k === "log" || record.k === "truncated") return;
  if (record.k === "call") hearCall(run, record);
  else if (record.k === "timer") hearTimer(run, record.id, record.ms);
  else if (record.k === "clear") clearTimer(run, record.id);
  else if (record.k === "stray") fail(run, "the run took another course when it was replayed");
  else endGuest(run, record, chars);
}

type Ending = Extract<GuestRecord, { k: "returned" | "refused" | "threw" }>;

/** `chars` is how long the whole report was. */
function endGuest(run: PoolRun, record: Ending, chars: number): void {
  const { resultBytes, cpuMs } = run.job.budgets;
  if (run.cpuMs > cpuMs) {
    endRun(run, overBudget(run));
    return;
  }
  if (record.k === "refused") {
    endRun(run, { kind: "refused", message: record.message });
    return;
  }
  if (record.k === "threw") {
    // isolated-vm's allocator refuses a buffer past the limit by this error
    if (record.message === "Array buffer allocation failed") {
      endRun(run, outOfMemory(run));
      return;
    }
    endRun(run, { kind: "threw", error: guestError(record.name, record.message, record.stack) });
    return;
  }
  if (isDeeper(record.value, depthMax)) {
    endRun(run, { kind: "refused", message: `the result is nested more than ${depthMax} levels deep` });
    return;
  }
  // a report that is short itself is not written again only to be measured
  if (chars > resultBytes / 3 && Buffer.byteLength(JSON.stringify(record.value)) > resultBytes) {
    endRun(run, { kind: "refused", message: `the result is longer than ${resultBytes} bytes` });
    return;
  }
  endRun(run, { kind: "returned", value: record.value });
}

/** In a replayed slice only a host call can matter: one that was not made the first time must not be made now. */
function checkEcho(run: PoolRun, record: GuestRecord): void {
  const ended = record.k === "returned" || record.k === "refused" || record.k === "threw" || record.k === "stray";
  const other = record.k === "call" && run.calls[record.seq] !== signature(record);
  if (ended || other) fail(run, "the run took another course when it was replayed");
}

/** Logs come first: also those written after the result, or before the guest was stopped. */
function hearLogs(run: PoolRun, records: GuestRecord[]): void {
  for (const record of records) {
    if (record.k === "log") hearLog(run, record);
    else if (record.k === "truncated") run.logsTruncated = true;
  }
}

function hearLog(run: PoolRun, { level, at, text }: Extract<GuestRecord, { k: "log" }>): void {
  const room = run.logBytesLeft - logLineBytes;
  const bytes = Buffer.from(text);
  run.logBytesLeft -= bytes.length + logLineBytes;
  if (run.logBytesLeft < 0) run.logsTruncated = true;
  if (room <= 0) return;
  const message = bytes.length > room ? bytes.toString("utf8", 0, room) : text;
  run.logs.push({ level, atMs: Math.max(0, Math.round(at)), message });
}

function hearTimer(run: PoolRun, id: number, ms: number): void {
  if (run.timers.size >= timersMax) {
    fail(run, "the run started too many timers");
    return;
  }
  clearTimer(run, id);
  const due = () => {
    run.timers.delete(id);
    run.backlog.push({ do: "fire", id });
    run.wake();
  };
  run.timers.set(id, setTimeout(due, Math.min(ms, run.job.budgets.wallMs)));
}

function clearTimer(run: PoolRun, id: number): void {
  clearTimeout(run.timers.get(id));
  run.timers.delete(id);
}

function hearCall(run: PoolRun, call: Call): void {
  if (call.seq !== run.calls.length) {
    fail(run, "the sandbox process broke the protocol");
    return;
  }
  if (call.seq >= run.job.budgets.outboundCalls + refusedCallsMax) {
    endRun(run, { kind: "refused", message: "the run made far more outbound calls than it may" });
    return;
  }
  run.calls.push(signature(call));
  run.unanswered += 1;
  askHost(run, call).then(
    (answer) => settle(run, call.seq, answer),
    () => settle(run, call.seq, refusal("Error", "the host failed to answer")),
  );
}

async function askHost(run: PoolRun, { seq, name, args }: Call): Promise<HostAnswer> {
  const { outboundCalls } = run.job.budgets;
  if (run.mode === "inspect") return refusal("Error", `${name} is not available while a module is inspected`);
  if (isDeeper(args, depthMax)) return refusal("RangeError", `${name}: the arguments are nested too deeply`);
  if (seq >= outboundCalls) return refusal("RangeError", `${name}: a run may make ${outboundCalls} outbound calls`);
  return run.host({ seq, name, args });
}

function settle(run: PoolRun, seq: number, answer: HostAnswer): void {
  if (run.outcome) return;
  run.unanswered -= 1;
  const limit = run.job.budgets.responseBytes * 2 + answerSlackBytes;
  let { ok } = answer;
  let body = textOf(answer.ok ? answer.value : answer.error);
  if (body === null || body.length > limit) {
    ok = false;
    const fault = body === null ? "is no JSON" : `is longer than ${limit} characters`;
    body = JSON.stringify({ name: "RangeError", message: `the answer ${fault}` });
  }
  run.backlog.push({ do: "settle", id: seq, ok, body });
  run.wake();
}

function refusal(name: string, message: string): HostAnswer {
  return { ok: false, error: { name, message } };
}

/** Tells one call from another, in little memory. Few runs are replayed, so a text of some length is cheaper than its hash. */
function signature({ name, args }: Call): string {
  const text = isDeeper(args, depthMax) ? "deep" : JSON.stringify(args);
  return `${name} ${text.length > signatureMaxChars ? hash("sha256", text) : text}`;
}

function isDeeper(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    for (const inner of value) if (isDeeper(inner, levels - 1)) return true;
    return false;
  }
  for (const key of Object.keys(value)) if (isDeeper(value[key] ?? null, levels - 1)) return true;
  return false;
}
