/**
 * `structuredClone` (https://html.spec.whatwg.org/multipage/structured-data.html) and `DOMException`, which its refusals are.
 * Written here, and compared with the platform's own in its test: @ungap/structured-clone clones promises and weak maps to
 * `{}` and loses buffers shared by views, sparse arrays and an error's cause; core-js has an install script and brings 99 kB.
 */
import type { Core } from "./parts.ts";

declare const core: Core;
const { domException, domExceptionClass, provide } = core;
const DOMException = domExceptionClass();

type Seen = Map<unknown, unknown>;

const showTag = Object.prototype.toString;
const viewTag = getter(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

/** Objects of the language that hold something a clone would not have. */
const refused =
  /^\[object (?:Promise|WeakMap|WeakSet|Symbol|Arguments|(?:Async)?Generator|.* Iterator|Iterator Helper|(?:Async)?DisposableStack|Intl\..+)\]$/;

const boxes = [Boolean, Number, String, BigInt];
const errors = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];

function structuredClone(value: unknown, options?: { transfer?: Iterable<unknown> }): unknown {
  const transfer = options?.transfer;
  if (transfer !== undefined && [...transfer].length > 0) throw refusal("transferring is not available in a workflow");
  return clone(value, new Map());
}

function clone(value: unknown, seen: Seen): unknown {
  if (typeof value === "symbol" || typeof value === "function") throw refusal(`${String(value)} could not be cloned`);
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  if (Array.isArray(value)) return copyProperties(value, remember(seen, value, new Array(value.length)), seen);
  if (ArrayBuffer.isView(value)) return remember(seen, value, cloneView(value, seen));
  if (value instanceof Error && Error.isError(value)) return cloneError(value, seen);
  const copy = cloneFlat(value);
  if (copy !== undefined) return remember(seen, value, copy);
  if (value instanceof Map && has(mapSize, value)) return cloneMap(value, seen);
  if (value instanceof Set && has(setSize, value)) return cloneSet(value, seen);
  const tag = showTag.call(value);
  if (refused.test(tag)) throw refusal(`${tag} could not be cloned`);
  return copyProperties(value, remember(seen, value, {}), seen);
}

const mapSize = getter(Map.prototype, "size");
const setSize = getter(Set.prototype, "size");
const bufferSize = getter(ArrayBuffer.prototype, "byteLength");
const dateTime = Date.prototype.getTime;

/** A copy of an object that holds no other objects; undefined for other objects. */
function cloneFlat(value: object): object | undefined {
  if (value instanceof Date && has(dateTime, value)) return new Date(dateTime.call(value));
  if (value instanceof RegExp && showTag.call(value) === "[object RegExp]")
    return new RegExp(value.source, value.flags);
  if (value instanceof ArrayBuffer && has(bufferSize, value)) return value.slice(0);
  const box = boxes.find((made) => value instanceof made && has(made.prototype.valueOf, value));
  return box && Object(Reflect.apply(box.prototype.valueOf, value, []));
}

/** Views of one buffer become views of one buffer. */
function cloneView(view: ArrayBufferView, seen: Seen): object {
  const buffer = clone(view.buffer, seen);
  const make: unknown = Reflect.get(globalThis, String(viewTag.call(view) ?? "DataView"));
  if (typeof make !== "function") throw refusal(`${showTag.call(view)} could not be cloned`);
  return Reflect.construct(make, [buffer, view.byteOffset, "length" in view ? view.length : view.byteLength]);
}

function cloneMap(map: Map<unknown, unknown>, seen: Seen): Map<unknown, unknown> {
  const made = remember(seen, map, new Map<unknown, unknown>());
  // read at once: cloning may run getters that change the map
  for (const [key, value] of [...map]) made.set(clone(key, seen), clone(value, seen));
  return made;
}

function cloneSet(set: Set<unknown>, seen: Seen): Set<unknown> {
  const made = remember(seen, set, new Set<unknown>());
  for (const value of [...set]) made.add(clone(value, seen));
  return made;
}

function cloneError(error: Error, seen: Seen): Error {
  const { name, stack } = error;
  if (error instanceof DOMException) return remember(seen, error, new DOMException(error.message, name));
  const made = remember(seen, error, new (errors.find((type) => type.name === name) ?? Error)());
  const message = Object.getOwnPropertyDescriptor(error, "message");
  if (message && "value" in message) hide(made, "message", String(message.value));
  if (typeof stack === "string") hide(made, "stack", stack);
  if (Object.hasOwn(error, "cause")) hide(made, "cause", clone(error.cause, seen));
  return made;
}

function copyProperties<T extends object>(from: object, to: T, seen: Seen): T {
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(from, key)) continue;
    const value = clone(Reflect.get(from, key), seen);
    Object.defineProperty(to, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return to;
}

function remember<T extends object>(seen: Seen, original: object, copy: T): T {
  seen.set(original, copy);
  return copy;
}

function hide(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** Whether an object has the slots that `read` needs, whatever prototype it shows. */
function has(read: (this: never) => unknown, value: object): boolean {
  try {
    Reflect.apply(read, value, []);
    return true;
  } catch {
    return false;
  }
}

function getter(prototype: object, key: PropertyKey): (this: unknown) => unknown {
  const read = Object.getOwnPropertyDescriptor(prototype, key)?.get;
  if (!read) throw new TypeError(`there is no ${String(key)}`);
  return read;
}

function refusal(message: string): Error {
  return domException(message.slice(0, 200), "DataCloneError");
}

provide({ DOMException, structuredClone });
