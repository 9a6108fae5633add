import type { EventDetails } from "./client.d.ts";

const warned = new Set<string>();

/** Tells the page's developer what went wrong, each thing once. */
export function warn(text: string, cause?: unknown): void {
  if (warned.has(text)) return;
  warned.add(text);
  console.warn(`scrip: ${text}`, cause ?? "");
}

/** Dispatches an event on `window`; false when a listener of a cancelable one prevented what follows. */
export function emit<Name extends keyof EventDetails>(
  name: Name,
  detail: EventDetails[Name],
  { cancelable = false } = {},
): boolean {
  return window.dispatchEvent(new CustomEvent(name, { detail, cancelable }));
}

/** A function that never throws: what goes wrong is told, and `otherwise` is the answer. */
export function guarded<Args extends unknown[], T>(what: string, run: (...args: Args) => T, otherwise: T) {
  return (...args: Args): T => {
    try {
      return run(...args);
    } catch (fault) {
      warn(`${what} failed`, fault);
      return otherwise;
    }
  };
}

/** The same for a function that answers later: its promise never rejects. */
export function guardedLater<Args extends unknown[], T>(
  what: string,
  run: (...args: Args) => Promise<T>,
  otherwise: T,
): (...args: Args) => Promise<T> {
  return async (...args) => {
    try {
      return await run(...args);
    } catch (fault) {
      warn(`${what} failed`, fault);
      return otherwise;
    }
  };
}

/** Resolves when the document is parsed and its own scripts have run, so that they hear what is dispatched next. */
export function parsed(): Promise<void> {
  return new Promise((done) => {
    const [visit] = performance.getEntriesByType("navigation");
    // "interactive" lasts from before the deferred scripts until after DOMContentLoaded: only the timing tells which
    const isOver = visit instanceof PerformanceNavigationTiming && visit.domContentLoadedEventStart > 0;
    if (isOver || document.readyState === "complete") return done();
    document.addEventListener("DOMContentLoaded", () => done());
    window.addEventListener("load", () => done());
  });
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Whether a value is an object with named members. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
