/**
 * The main module of a guest on Cloudflare's Worker Loader: a Worker of its own with no bindings and no network, made for one
 * run. It gives the run a realm like that of the sandbox processes: what the platform puts there is taken away before the
 * prelude and the workflow run.
 */
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import prelude from "scrip:prelude";
import evaluate from "workflow.js";

/** What ECMAScript itself defines; `lockdown.ts` takes away some more. */
const intrinsics = new Set(
  (
    "Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp Error " +
    "AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError globalThis JSON Math " +
    "Intl ArrayBuffer Atomics Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array BigUint64Array BigInt64Array " +
    "Uint8ClampedArray Float16Array Float32Array Float64Array DataView Map BigInt Set Iterator WeakMap WeakSet Proxy Reflect " +
    "FinalizationRegistry WeakRef DisposableStack AsyncDisposableStack decodeURI decodeURIComponent encodeURI " +
    "encodeURIComponent escape unescape eval isFinite isNaN SharedArrayBuffer WebAssembly"
  ).split(" "),
);

type Rejection = { reason: unknown; preventDefault(): void };
declare function addEventListener(type: "unhandledrejection", listener: (event: Rejection) => void): void;

/** Kept before the author's code can change them. */
const { Promise: Later, setTimeout } = globalThis;

addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  enter("unheard", 0, 0, false, textOf(event.reason), "", evaluate);
});
takeAwayPlatform();
const enter = prelude();

/** One run. The host enters it for every turn, and nothing of the host is given to it. */
class Run extends RpcTarget {
  /** Makes one turn, and gives the records of what the guest said until nothing of it was left to do. */
  async turn(
    what: "start" | "settle" | "fire",
    nowMs: number,
    id: number,
    ok: boolean,
    text: string,
    terms: string,
  ): Promise<string> {
    enter(what, nowMs, id, ok, text, terms, evaluate);
    // timers come after all microtasks
    await new Later((resolve) => setTimeout(resolve, 0));
    return enter("drain", 0, 0, false, "", "", evaluate);
  }
}

/** The way in. */
export default class extends WorkerEntrypoint {
  open(): Run {
    return new Run();
  }
}

/** From the global object, and from the prototypes that it inherits the platform's functions from. */
function takeAwayPlatform(): void {
  for (let at: object | null = globalThis; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (at === globalThis && intrinsics.has(name)) continue;
      if (!Reflect.deleteProperty(at, name)) throw new Error(`${name} cannot be taken away`);
    }
  }
}

function textOf(reason: unknown): string {
  try {
    return reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason);
  } catch {
    return "an error";
  }
}
