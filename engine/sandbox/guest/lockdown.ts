import { kept } from "./outbox.ts";

const { construct } = Reflect;

/** Globals that a workflow does not have: code from text, threads, collection hooks, and a clock that moves. */
const absent = [
  "eval",
  "SharedArrayBuffer",
  "Atomics",
  "WebAssembly",
  "WeakRef",
  "FinalizationRegistry",
  "Temporal",
  "console",
];

/** Growing and moving buffers escape isolated-vm's accounting of memory. */
const absentFromBuffers = ["resize", "transfer", "transferToFixedLength", "transferToImmutable"];

/** Takes away what a workflow must not have. Runs first, before any code of the author. */
export function lockdown(): void {
  for (const name of absent) kept.remove(globalThis, name);
  for (const name of absentFromBuffers) kept.remove(ArrayBuffer.prototype, name);
  fixBuffers();
  closeFunctionConstructors();
}

/** A buffer that is told how far it may grow is not counted either, even if it cannot: nobody can tell it any more. */
function fixBuffers(): void {
  const Growable = ArrayBuffer;
  // a function without a name gets that of the property, which no bundler shortens
  const { ArrayBuffer: Fixed } = {
    ArrayBuffer: function (length: unknown): object {
      if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'");
      return construct(Growable, [length], new.target);
    },
  };
  kept.define(Fixed, "prototype", { value: Growable.prototype, writable: false });
  kept.define(Fixed, "isView", { value: Growable.isView, writable: true, configurable: true });
  kept.define(Fixed, Symbol.species, { get: species, configurable: true });
  kept.define(Growable.prototype, "constructor", { value: Fixed, writable: true, configurable: true });
  kept.define(globalThis, "ArrayBuffer", { value: Fixed, writable: true, configurable: true });
}

function species(this: unknown): unknown {
  return this;
}

/** Every kind of function inherits a `constructor` that compiles text; each is replaced by one that throws. */
function closeFunctionConstructors(): void {
  const closed = function closed(): never {
    throw new EvalError("Code generation from strings is not available in a workflow");
  };
  kept.define(closed, "name", { value: "Function" });
  const locked: PropertyDescriptor = { value: closed, writable: false, configurable: false };
  const kinds = [function plain() {}, async function later() {}, function* each() {}, async function* eachLater() {}];
  for (const kind of kinds) {
    const prototype: object = Object.getPrototypeOf(kind);
    // it tells by its answer only: a realm whose constructors stay open must not be used
    if (!kept.define(prototype, "constructor", locked)) throw new Error("a function constructor cannot be closed");
  }
  kept.define(closed, "prototype", { value: Function.prototype, writable: false });
  kept.define(globalThis, "Function", { value: closed, writable: true, configurable: true });
}
