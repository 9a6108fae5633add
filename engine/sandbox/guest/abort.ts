import { install } from "./outbox.ts";

type Listener = () => unknown;

let signalsFromHere = false;

/** Installs `AbortController` and `AbortSignal` (DOM standard), with the one event that they have. */
export function installAbort(): void {
  install("AbortController", WorkflowAbortController);
  install("AbortSignal", WorkflowAbortSignal);
  for (const made of [WorkflowAbortController, WorkflowAbortSignal]) {
    Object.defineProperty(made, "name", { value: made.name.slice("Workflow".length), configurable: true });
  }
}

/** An error named as the DOM's exceptions are. */
export function abortError(name: "AbortError" | "TimeoutError", message: string): Error {
  const error = new Error(message);
  Object.defineProperty(error, "name", { value: name, writable: true, configurable: true });
  return error;
}

/** The DOM's AbortSignal. */
export class WorkflowAbortSignal {
  aborted = false;
  reason: unknown = undefined;
  onabort: Listener | null = null;
  #listeners = new Set<Listener>();

  constructor() {
    if (!signalsFromHere) throw new TypeError("Illegal constructor");
  }

  static abort(reason?: unknown): WorkflowAbortSignal {
    const controller = new WorkflowAbortController();
    controller.abort(reason);
    return controller.signal;
  }

  static timeout(ms: number): WorkflowAbortSignal {
    const controller = new WorkflowAbortController();
    setTimeout(() => controller.abort(abortError("TimeoutError", "The operation timed out")), ms);
    return controller.signal;
  }

  static any(signals: readonly WorkflowAbortSignal[]): WorkflowAbortSignal {
    const controller = new WorkflowAbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener("abort", () => controller.abort(signal.reason));
    }
    return controller.signal;
  }

  addEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.add(listener);
  }

  removeEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** Not part of the standard: what the controller does to its signal. */
  static end(signal: WorkflowAbortSignal, reason: unknown): void {
    if (signal.aborted) return;
    signal.aborted = true;
    signal.reason = reason;
    const listeners = [...signal.#listeners];
    signal.#listeners.clear();
    signal.onabort?.();
    for (const listener of listeners) listener();
  }
}

const { end } = WorkflowAbortSignal;
Reflect.deleteProperty(WorkflowAbortSignal, "end");

class WorkflowAbortController {
  readonly signal: WorkflowAbortSignal;

  constructor() {
    signalsFromHere = true;
    this.signal = new WorkflowAbortSignal();
    signalsFromHere = false;
  }

  abort(reason: unknown = abortError("AbortError", "This operation was aborted")): void {
    end(this.signal, reason);
  }
}
