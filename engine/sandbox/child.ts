// Past 250 lines: one program that is bundled into one text, and the only file that may load isolated-vm.
/**
 * The program of a sandbox process, and the only file that loads isolated-vm. It reads commands from fd 0 and writes
 * reports to fd 1, one after the other and without an event loop: everything here is synchronous, and nothing of the
 * process is reachable from a guest, which is given no function at all. `child-program.ts` bundles it.
 */
import { readSync, writeSync } from "node:fs";
import ivm from "isolated-vm";
import { createFrameReader, encodeFrame, type Frame } from "./frames.ts";
import { commandMaxBytes, reportMaxChars } from "./limits.ts";
import type { Command, Report, Turn } from "./protocol.ts";

type Realm = { context: ivm.Context; enter: ivm.Reference };
type Cell = {
  key: string;
  isolate: ivm.Isolate;
  prelude: ivm.Script;
  workflow?: ivm.Script;
  realm?: Realm;
  /** Scripts, contexts and references of the isolate that were made and not released. */
  held: number;
  /** Its outer realm is closed to authors, see `guest/outer-realm.ts`; an author's code has run there all the same. */
  sealed?: true;
  soiled?: true;
};
/** `cpuMs` is of the slices before, `cpuBaseMs` the thread's when this one began. */
type Live = { cell: Cell; realm: Realm; cpuMs: number; cpuBaseMs: number };
type Start = Extract<Command, { do: "start" }>;

const scriptsMax = 256;
const unheardMs = 100;
/** Unheard rejections that are told of in one slice: reading one runs an author's getters, which may make the next. */
const unheardMax = 20;
/** Past this much memory the idle isolates that were used longest ago go, with the garbage in them. Asked once in so many runs. */
const tidyBytes = 320 << 20;
const tidyEvery = 16;
const prefix = "(function(){";
/** What the guest puts before the last records of a run. A guest that lies with it ends its own run only. */
const lastMark = "!";

const scripts = new Map<string, string>();
const shelf: Cell[] = [];
const lives = new Map<string, Live>();
let preludeText = "";
let preludeCache: ivm.ExternalCopy<ArrayBuffer> | undefined;
let idleIsolates = 0;
let unprepared: Cell | undefined;
let dropped = 0;
/** What all isolates hold together: it must not grow with the runs. */
let handles = 0;

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
    preludeText = body;
    idleIsolates = command.idleIsolates;
    retire(openCell("", 8));
    report({ kind: "ready" });
  } else if (command.do === "start") start(command, body);
  else if (command.do === "drop") drop(command.run, command.reuse);
  else if (command.do === "count") {
    // what is made for the next run counts, whether it was made yet or not
    prepareNext();
    report({ kind: "counts", idle: shelf.length, live: lives.size, handles });
  } else {
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
    const realm = cell.realm ?? createRealm(cell);
    cell.realm = undefined;
    const live = { cell, realm, cpuMs: 0, cpuBaseMs: threadCpuMs() };
    lives.set(run, live);
    cell.workflow ??= compileWorkflow(cell, script);
    const module: ivm.Reference = cell.workflow.runSync(realm.context, { reference: true, timeout: command.sliceMs });
    hold(cell, 1);
    const terms = JSON.stringify({ mode, seed, randomKey, resultBytes, logBytes });
    const entry = module.derefInto({ release: true });
    hold(cell, -1);
    turn(run, live, command, ["start", command.nowMs, 0, true, input, terms, entry]);
  } catch (error) {
    if (cell && !lives.has(run)) retire(cell);
    // V8's parser runs out of stack on code that is nested deeply enough
    if (error instanceof SyntaxError || error instanceof RangeError) reportSyntaxError(run, error);
    else fail(run, cell?.isolate, 0, error, "[]");
  }
}

function compileWorkflow(cell: Cell, script: string): ivm.Script {
  const text = `${prefix}${script}\n})`;
  const compiled = cell.isolate.compileScriptSync(text, { filename: "workflow.js", columnOffset: -prefix.length });
  hold(cell, 1);
  return compiled;
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
      report({ kind: "slice", run, cpuMs, ended: true }, records.slice(lastMark.length));
      drop(run, true);
    } else report({ kind: "slice", run, cpuMs, ended: false }, records);
  } catch (error) {
    fail(run, isolate, isolate.isDisposed ? 0 : cpuSince(live), error, lastWords(live));
  }
}

/** Without a limit of its own: no code of an author runs in it, a limit costs a thread's wake-up, and the supervisor has one. */
function drain(enter: ivm.Reference): string {
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
function lastWords({ cell, realm }: Live): string {
  if (cell.isolate.isDisposed) return "[]";
  try {
    const records = drain(realm.enter);
    if (records.length > reportMaxChars) return "[]";
    return records.startsWith(lastMark) ? records.slice(lastMark.length) : records;
  } catch {
    return "[]";
  }
}

function fail(run: string, isolate: ivm.Isolate | undefined, cpuMs: number, error: unknown, records: string): void {
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
  const { cell, realm } = live;
  if (!reuse || cell.soiled || cell.isolate.isDisposed) {
    retire(cell);
    return;
  }
  release(cell, realm);
  shelf.push(cell);
  unprepared = cell;
  if (shelf.length > idleIsolates) retire(shelf.shift());
  dropped += 1;
  if (dropped % tidyEvery === 0 && process.memoryUsage.rss() > tidyBytes) {
    for (const idle of shelf.splice(0, shelf.length >> 1)) retire(idle);
  }
}

/** The most recently used idle isolate of this tenant and code, or a new one. An isolate serves one run at a time. */
function takeCell(key: string, memoryMiB: number): Cell {
  const at = shelf.findLastIndex((cell) => cell.key === key);
  const [found] = at < 0 ? [] : shelf.splice(at, 1);
  if (found && !found.isolate.isDisposed) return found;
  retire(found);
  return openCell(key, memoryMiB);
}

/**
 * V8's own notes on the prelude save each isolate after the first 4 ms of parsing. They are made and used in this process
 * only, and of our text only: notes from elsewhere can take over a process (CVE-2022-39266), so workflows have none.
 */
function openCell(key: string, memoryLimit: number): Cell {
  const isolate = new ivm.Isolate({ memoryLimit });
  const notes = preludeCache ? { cachedData: preludeCache } : { produceCachedData: true };
  const prelude: ivm.Script & ivm.CachedDataResult = isolate.compileScriptSync(preludeText, {
    filename: "scrip:prelude",
    ...notes,
  });
  preludeCache ??= prelude.cachedData;
  const cell = { key, isolate, prelude, held: 0 };
  hold(cell, 1);
  return cell;
}

function prepareNext(): void {
  if (unprepared) prepare(unprepared);
  unprepared = undefined;
}

/** Makes the realm of an idle isolate's next run. No code of an author runs in it before that run. */
function prepare(cell: Cell): void {
  if (cell.realm || !shelf.includes(cell)) return;
  try {
    cell.realm = createRealm(cell);
  } catch {
    shelf.splice(shelf.indexOf(cell), 1);
    retire(cell);
  }
}

function createRealm(cell: Cell): Realm {
  const context = cell.isolate.createContextSync();
  hold(cell, 1);
  const enter: ivm.Reference = cell.prelude.runSync(context, { reference: true });
  hold(cell, 1);
  seal(cell, enter);
  return { context, enter };
}

/** Before any code of an author has run in the isolate. It tells of its success the only way there is out of that realm. */
function seal(cell: Cell, enter: ivm.Reference): void {
  if (cell.sealed) return;
  try {
    enter.applySync(undefined, ["seal"]);
  } catch (error) {
    if (!(error instanceof Error) || error.message !== "sealed") throw error;
    cell.sealed = true;
  }
  if (!cell.sealed) throw new Error("the outer realm of an isolate cannot be sealed");
}

function release(cell: Cell, realm: Realm): void {
  realm.enter.release();
  realm.context.release();
  hold(cell, -2);
}

function hold(cell: Cell, more: number): void {
  cell.held += more;
  handles += more;
}

function retire(cell: Cell | undefined): void {
  if (!cell) return;
  hold(cell, -cell.held);
  if (!cell.isolate.isDisposed) cell.isolate.dispose();
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

/** Linux tells a thread its time as of its latest tick or switch, unless it has just added up the whole process's. */
function threadCpuMs(): number {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function report(header: Report, body = "[]"): void {
  const frame = encodeFrame(JSON.stringify(header), body);
  for (let sent = 0; sent < frame.length; ) sent += writeSync(1, frame, sent);
}
