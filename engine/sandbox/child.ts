/**
 * The program of a sandbox process, whose isolates are in `child-isolates.ts`. It reads commands from fd 0 and writes
 * reports to fd 1, one after the other and without an event loop: everything here is synchronous, and nothing of the
 * process is reachable from a guest, which is given no function at all. `child-program.ts` bundles it.
 */
import { readSync, writeSync } from "node:fs";
import { threadCpuMs } from "./child-clock.ts";
import {
  type Cell,
  giveBack,
  held,
  prepareNext,
  type Realm,
  retire,
  setUp,
  takeCell,
  takeRealm,
  takeWorkflow,
} from "./child-isolates.ts";
import { createFrameReader, encodeFrame, type Frame } from "./frames.ts";
import { commandMaxBytes, reportMaxChars } from "./limits.ts";
import type { Command, Report, Turn } from "./protocol.ts";

/** `cpuMs` is of the slices before and of the parts made ahead, `cpuBaseMs` the thread's when this one began. */
type Live = { cell: Cell; realm: Realm; cpuMs: number; cpuBaseMs: number };
type Start = Extract<Command, { do: "start" }>;

const scriptsMax = 256;
const unheardMs = 100;
/** Unheard rejections that are told of in one slice: reading one runs an author's getters, which may make the next. */
const unheardMax = 20;
/** What the guest puts before the last records of a run, and the parts that it used. A guest that lies with it ends its own run only. */
const lastMark = "!";
const partsMaxChars = 200;

const scripts = new Map<string, string>();
const lives = new Map<string, Live>();

serve();

function serve(): void {
  const take = createFrameReader(commandMaxBytes, obey);
  const buffer = Buffer.alloc(256 << 10);
  for (;;) {
    const length = readSync(0, buffer);
    if (length === 0) return;
    take(buffer.subarray(0, length));
    prepareNext();
  }
}

function obey({ header, body }: Frame): void {
  const command: Command = JSON.parse(header);
  if (command.do === "hello") {
    setUp(body, command.idleIsolates);
    report({ kind: "ready" });
  } else if (command.do === "start") start(command, body);
  else if (command.do === "drop") drop(command.run, command.reuse);
  else if (command.do === "count") report({ kind: "counts", live: lives.size, ...held() });
  else {
    const live = lives.get(command.run);
    if (!live) {
      report({ kind: "failed", run: command.run, cpuMs: 0, why: "crash", message: "no such run" });
      return;
    }
    live.cpuBaseMs = threadCpuMs();
    const ok = command.do === "settle" && command.ok;
    turn(command.run, live, command, [command.do, command.nowMs, command.id, ok, body]);
  }
}

function start(command: Start, input: string): void {
  const { run, codeHash, mode, seed, randomKey, resultBytes, logBytes } = command;
  const script = command.script ?? scripts.get(codeHash);
  if (script === undefined) {
    report({ kind: "need-script", run });
    return;
  }
  remember(codeHash, script);
  let cell: Cell | undefined;
  try {
    cell = takeCell(command.key, command.memoryMiB);
    const realm = takeRealm(cell);
    const live = { cell, realm, cpuMs: realm.aheadMs, cpuBaseMs: threadCpuMs() };
    lives.set(run, live);
    const terms = JSON.stringify({ mode, seed, randomKey, resultBytes, logBytes });
    turn(run, live, command, ["start", command.nowMs, 0, true, input, terms, takeWorkflow(cell, realm, script)]);
  } catch (error) {
    if (cell && !lives.has(run)) retire(cell);
    // V8's parser runs out of stack on code that is nested deeply enough
    if (error instanceof SyntaxError || error instanceof RangeError) reportSyntaxError(run, error);
    else fail(run, cell?.isolate, 0, error, "[]");
  }
}

/** Enters the guest once, bounded in time, then takes what it said. */
function turn(run: string, live: Live, { sliceMs }: Turn, args: unknown[]): void {
  const { isolate } = live.cell;
  const { enter } = live.realm;
  try {
    if (!enterGuest(live, args, sliceMs)) {
      report({ kind: "failed", run, cpuMs: cpuSince(live), why: "flood", message: "more rejections than can be told" });
      return;
    }
    const records = drain(enter);
    const cpuMs = cpuSince(live);
    if (records.length > reportMaxChars) {
      report({ kind: "failed", run, cpuMs, why: "flood", message: `more than ${reportMaxChars} characters at once` });
    } else if (records.startsWith(lastMark)) {
      report({ kind: "slice", run, cpuMs, ended: true }, lastRecords(live, records));
      drop(run, true);
    } else report({ kind: "slice", run, cpuMs, ended: false }, records);
  } catch (error) {
    fail(run, isolate, isolate.isDisposed ? 0 : cpuSince(live), error, lastWords(live));
  }
}

/** Without a limit of its own: no code of an author runs in it, a limit costs a thread's wake-up, and the supervisor has one. */
function drain(enter: Realm["enter"]): string {
  return String(enter.applySync(undefined, ["drain"]));
}

/**
 * isolated-vm throws what an author's promise was rejected with and nobody caught; that ends no run, it is logged. It may say
 * anything, also what isolated-vm says when time is up. False when there is no end of them.
 */
function enterGuest({ cell, realm }: Live, args: unknown[], sliceMs: number): boolean {
  let given = args;
  let timeout = sliceMs;
  for (let unheard = 0; unheard <= unheardMax; unheard += 1) {
    const beganAt = performance.now();
    try {
      realm.enter.applySync(undefined, given, { timeout });
      return true;
    } catch (error) {
      const late = performance.now() - beganAt >= timeout - 1;
      if (cell.isolate.isDisposed || (late && isTimeout(error))) throw error;
      cell.soiled = true;
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      given = ["unheard", 0, 0, false, text];
      timeout = unheardMs;
    }
  }
  return false;
}

/** What a guest wrote before it was stopped: its logs are worth having. */
function lastWords(live: Live): string {
  const { cell, realm } = live;
  if (cell.isolate.isDisposed) return "[]";
  try {
    const records = drain(realm.enter);
    if (records.length > reportMaxChars) return "[]";
    return records.startsWith(lastMark) ? lastRecords(live, records) : records;
  } catch {
    return "[]";
  }
}

function lastRecords({ cell }: Live, said: string): string {
  const from = said.indexOf("[");
  cell.parts = from <= partsMaxChars ? said.slice(lastMark.length, from) : "";
  return said.slice(from);
}

function fail(run: string, isolate: Cell["isolate"] | undefined, cpuMs: number, error: unknown, records: string): void {
  const message = error instanceof Error ? error.message : "unknown";
  let why: "memory" | "timeout" | "crash" = "crash";
  if (isolate?.isDisposed) why = "memory";
  else if (isTimeout(error)) why = "timeout";
  report({ kind: "failed", run, cpuMs, why, message: message.slice(0, 1024) }, records);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "Script execution timed out.";
}

function reportSyntaxError(run: string, { name, message }: Error): void {
  const place = /\[(workflow\.js:\d+:\d+)\]/.exec(message)?.[1] ?? "workflow.js";
  const stack = `${name}: ${message}\n    at ${place}`;
  const record = { k: "threw", name, message: message.slice(0, 2048), stack: stack.slice(0, 4096) };
  report({ kind: "slice", run, cpuMs: 0, ended: false }, JSON.stringify([record]));
}

function drop(run: string, reuse: boolean): void {
  const live = lives.get(run);
  if (!live) return;
  lives.delete(run);
  giveBack(live.cell, live.realm, reuse);
}

function remember(codeHash: string, script: string): void {
  scripts.delete(codeHash);
  scripts.set(codeHash, script);
  const [oldest] = scripts.keys();
  if (scripts.size > scriptsMax && oldest !== undefined) scripts.delete(oldest);
}

/** Not isolated-vm's own figure: that is time by the clock, which runs on while another process has the core. */
function cpuSince(live: Live): number {
  const nowMs = threadCpuMs();
  live.cpuMs += nowMs - live.cpuBaseMs;
  live.cpuBaseMs = nowMs;
  return live.cpuMs;
}

function report(header: Report, body = "[]"): void {
  const frame = encodeFrame(JSON.stringify(header), body);
  for (let sent = 0; sent < frame.length; ) sent += writeSync(1, frame, sent);
}
