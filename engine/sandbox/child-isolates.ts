import ivm from "isolated-vm";
import { threadCpuMs } from "./child-clock.ts";

/**
 * The isolates of a sandbox process, and the only file that loads isolated-vm: those that a run is in, those that are idle and
 * whose next realm is made ahead, and a blank one for code that comes for the first time. Everything is synchronous.
 * `child-program.ts` bundles it with `child.ts`.
 */

/**
 * One run's realm: the guest's way in, and the workflow as a function that has not been called, where it was made ahead. `aheadMs`
 * is the CPU time that went into its parts.
 */
export type Realm = { context: ivm.Context; enter: ivm.Reference; workflow?: ivm.Reference; aheadMs: number };

/** An isolate, which serves one run at a time. */
export type Cell = {
  key: string;
  isolate: ivm.Isolate;
  prelude: ivm.Script;
  workflow?: ivm.Script;
  realm?: Realm;
  /** Parts of the prelude that its latest run used, to be made ahead for the next. */
  parts: string;
  /** Scripts, contexts and references of the isolate that were made and not released. */
  held: number;
  /** Its outer realm is closed to authors, see `guest/outer-realm.ts`; an author's code has run there all the same. */
  sealed?: true;
  soiled?: true;
};

/** Past this much memory the idle isolates that were used longest ago go, with the garbage in them. Asked once in so many runs. */
const tidyBytes = 320 << 20;
const tidyEvery = 16;
const prefix = "(function(){";
const wrapperMs = 100;

const shelf: Cell[] = [];
let preludeText = "";
let preludeCache: ivm.ExternalCopy<ArrayBuffer> | undefined;
let idleIsolates = 0;
let unprepared: Cell | undefined;
let returned = 0;
/** A new isolate with a realm, in which nothing of an author's has been; what it holds is not counted before it is used. */
let blank: Cell | undefined;
let blankMemoryMiB = 0;
/** What all isolates hold together: it must not grow with the runs. */
let handles = 0;

/** Before anything else: the guest's prelude, and how many idle isolates are kept. Throws when the prelude cannot be compiled. */
export function setUp(prelude: string, idle: number): void {
  preludeText = prelude;
  idleIsolates = idle;
  retire(openCell("", 8));
}

/** Isolates that are idle, and what all but the blank one hold of isolated-vm. */
export function held(): { idle: number; handles: number } {
  // what is made for the next run counts, whether it was made yet or not
  prepareNext();
  return { idle: shelf.length, handles };
}

/** The most recently used idle isolate of this tenant and code, or a new one. An isolate serves one run at a time. */
export function takeCell(key: string, memoryMiB: number): Cell {
  const at = shelf.findLastIndex((cell) => cell.key === key);
  const [found] = at < 0 ? [] : shelf.splice(at, 1);
  if (found && !found.isolate.isDisposed) return found;
  retire(found);
  return takeBlank(key, memoryMiB) ?? openCell(key, memoryMiB);
}

/** The isolate that was made ahead, unless it has another limit of memory than is asked for. */
function takeBlank(key: string, memoryMiB: number): Cell | undefined {
  const cell = blank;
  const fits = blankMemoryMiB === memoryMiB && !cell?.isolate.isDisposed;
  blank = undefined;
  blankMemoryMiB = memoryMiB;
  if (!cell) return undefined;
  handles += cell.held;
  if (fits) return Object.assign(cell, { key });
  retire(cell);
  return undefined;
}

/** The realm that was made ahead, or a new one. It is the caller's from now on. */
export function takeRealm(cell: Cell): Realm {
  const realm = cell.realm ?? createRealm(cell);
  cell.realm = undefined;
  return realm;
}

/** The workflow as a function of its realm, to be handed to the guest, once. Throws what V8's parser says of the script. */
export function takeWorkflow(cell: Cell, realm: Realm, script: string): unknown {
  cell.workflow ??= compileWorkflow(cell, script);
  const workflow = realm.workflow ?? createWorkflow(cell, realm, cell.workflow);
  hold(cell, -1);
  return workflow.derefInto({ release: true });
}

/** Takes an isolate back after a run. It may serve another only if `reuse`. */
export function giveBack(cell: Cell, realm: Realm, reuse: boolean): void {
  if (!reuse || cell.soiled || cell.isolate.isDisposed) {
    retire(cell);
    return;
  }
  release(cell, realm);
  shelf.push(cell);
  unprepared = cell;
  if (shelf.length > idleIsolates) retire(shelf.shift());
  returned += 1;
  if (returned % tidyEvery === 0 && process.memoryUsage.rss() > tidyBytes) {
    for (const idle of shelf.splice(0, shelf.length >> 1)) retire(idle);
  }
}

/** Ends an isolate, and whatever is in it. */
export function retire(cell: Cell | undefined): void {
  if (!cell) return;
  hold(cell, -cell.held);
  if (!cell.isolate.isDisposed) cell.isolate.dispose();
}

/**
 * V8's own notes on the prelude save each isolate after the first 4 ms of parsing. They are made and used in this process
 * only, and of our text only: notes from elsewhere can take over a process (CVE-2022-39266), so workflows have none.
 */
function openCell(key: string, memoryLimit: number): Cell {
  const isolate = new ivm.Isolate({ memoryLimit });
  const prelude = compilePrelude(isolate);
  const cell = { key, isolate, prelude, parts: "", held: 0 };
  hold(cell, 1);
  return cell;
}

function compilePrelude(isolate: ivm.Isolate): ivm.Script {
  const notes = preludeCache ? { cachedData: preludeCache } : { produceCachedData: true };
  try {
    const prelude: ivm.Script & ivm.CachedDataResult = isolate.compileScriptSync(preludeText, {
      filename: "scrip:prelude",
      ...notes,
    });
    preludeCache ??= prelude.cachedData;
    return prelude;
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
}

function compileWorkflow(cell: Cell, script: string): ivm.Script {
  const text = `${prefix}${script}\n})`;
  const compiled = cell.isolate.compileScriptSync(text, { filename: "workflow.js", columnOffset: -prefix.length });
  hold(cell, 1);
  return compiled;
}

/** To be called while there is nothing else to do: makes what the next run in the isolate that was given back last will need. */
export function prepareNext(): void {
  if (!unprepared) return;
  prepare(unprepared);
  unprepared = undefined;
  if (!blank) makeBlank();
}

/** It takes milliseconds, which the next new code then does not. */
function makeBlank(): void {
  if (process.memoryUsage.rss() > tidyBytes) return;
  let cell: Cell | undefined;
  try {
    cell = openCell("", blankMemoryMiB);
    cell.realm = createRealm(cell);
    handles -= cell.held;
    blank = cell;
  } catch {
    retire(cell);
  }
}

/**
 * Makes the realm of an idle isolate's next run, with its workflow and the parts that the latest run used. No code of an author
 * runs in it before that run.
 */
function prepare(cell: Cell): void {
  if (cell.realm || !shelf.includes(cell)) return;
  try {
    const realm = createRealm(cell);
    cell.realm = realm;
    if (cell.workflow) realm.workflow = createWorkflow(cell, realm, cell.workflow);
    if (cell.parts !== "") makeParts(realm, cell.parts);
  } catch {
    shelf.splice(shelf.indexOf(cell), 1);
    retire(cell);
  }
}

function makeParts(realm: Realm, names: string): void {
  const beganMs = threadCpuMs();
  realm.enter.applySync(undefined, ["ahead", 0, 0, false, names]);
  realm.aheadMs = threadCpuMs() - beganMs;
}

function createRealm(cell: Cell): Realm {
  const context = cell.isolate.createContextSync();
  hold(cell, 1);
  const enter: ivm.Reference = cell.prelude.runSync(context, { reference: true });
  hold(cell, 1);
  seal(cell, enter);
  return { context, enter, aheadMs: 0 };
}

/** It calls nothing of the author's, unless somebody has stored a text that the compiler did not write: therefore the limit. */
function createWorkflow(cell: Cell, { context }: Realm, compiled: ivm.Script): ivm.Reference {
  const workflow: ivm.Reference = compiled.runSync(context, { reference: true, timeout: wrapperMs });
  hold(cell, 1);
  return workflow;
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
