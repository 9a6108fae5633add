import { install } from "./globals.ts";
import { emit, kept } from "./outbox.ts";

type Timer = { callback: (...args: unknown[]) => unknown; args: unknown[]; everyMs: number | undefined };

const pendingMax = 100;
const startedMax = 2000;
const longestMs = 60_000;

const timers: Record<number, Timer | undefined> = Object.create(null);
let nextId = 1;
let pending = 0;
const { apply } = Reflect;

/** Runs the callback of a timer that the supervisor says is due. A timer cleared meanwhile does nothing. */
export function fireTimer(id: number): void {
  const timer = timers[id];
  if (timer === undefined) return;
  if (timer.everyMs === undefined) forget(id);
  else emit(`{"k":"timer","id":${id},"ms":${timer.everyMs}}`);
  apply(timer.callback, undefined, timer.args);
}

/** Installs `setTimeout`, `setInterval` and their clears, and `queueMicrotask`. Ids are numbers, as in browsers. */
export function installTimers(): void {
  install("setTimeout", (callback: unknown, ms?: unknown, ...args: unknown[]) => begin(callback, ms, args, false));
  install("setInterval", (callback: unknown, ms?: unknown, ...args: unknown[]) => begin(callback, ms, args, true));
  install("clearTimeout", clear);
  install("clearInterval", clear);
  install("queueMicrotask", (callback: unknown) => {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask takes a function");
    void (async () => {
      await undefined;
      callback();
    })();
  });
}

function begin(callback: unknown, ms: unknown, args: unknown[], repeat: boolean): number {
  if (typeof callback !== "function") throw new TypeError("a timer takes a function");
  if (pending >= pendingMax || nextId > startedMax) throw new RangeError("this run has started too many timers");
  const asked = kept.number(ms);
  const delay = asked > 0 ? kept.min(asked, longestMs) : 0;
  const id = nextId;
  nextId += 1;
  pending += 1;
  const everyMs = repeat ? kept.max(delay, 1) : undefined;
  timers[id] = { callback: (...given) => callback(...given), args, everyMs };
  emit(`{"k":"timer","id":${id},"ms":${everyMs ?? delay}}`);
  return id;
}

function clear(id: unknown): void {
  if (typeof id !== "number" || timers[id] === undefined) return;
  forget(id);
  emit(`{"k":"clear","id":${id}}`);
}

function forget(id: number): void {
  delete timers[id];
  pending -= 1;
}
