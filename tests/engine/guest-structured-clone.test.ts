import { describe, expect, test } from "vitest";
import { guestPart } from "./guest-parts.ts";

const { structuredClone: guestClone, DOMException: GuestException } = await guestPart("structured-clone");

function cloned(value: unknown, options?: object): unknown {
  if (typeof guestClone !== "function") throw new Error("there is no structuredClone");
  return Reflect.apply(guestClone, undefined, [value, options]);
}

function cyclic(): object {
  const map = new Map<string, unknown>();
  const all: Record<string, unknown> = { map, set: new Set([map]), list: [map] };
  map.set("all", all);
  return all;
}

function sharedBuffer(): object {
  const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
  return {
    buffer,
    bytes: new Uint8Array(buffer, 2, 3),
    words: new Uint16Array(buffer),
    view: new DataView(buffer, 1, 4),
  };
}

class Point {
  x = 1;
  get y() {
    return 2;
  }
}

const samples: [what: string, value: unknown][] = [
  ["primitives", [undefined, null, true, 0, -0, Number.NaN, 1n, "text", "\ud800"]],
  ["a plain object", { a: { b: [1, { c: "d" }] }, "": 1 }],
  ["an object without prototype", Object.assign(Object.create(null), { a: 1 })],
  ["a key named __proto__", JSON.parse('{"__proto__":{"a":1},"b":2}')],
  ["numeric and odd keys", { 10: "a", 9: "b", "-1": "c" }],
  ["symbols as keys, which are dropped", { [Symbol("s")]: 1, a: 2 }],
  ["what is not enumerable, which is dropped", Object.defineProperty({ a: 1 }, "b", { value: 2 })],
  [
    "a getter, which is read",
    {
      get a() {
        return [1];
      },
    },
  ],
  ["an instance of a class, which becomes plain", new Point()],
  ["a sparse array", Object.assign(new Array(5), { 0: 1, 2: 3 })],
  ["an array with properties", Object.assign([1], { name: "n" })],
  ["dates", [new Date(0), new Date(Number.NaN)]],
  ["regular expressions", Object.assign(/a+/giu, { lastIndex: 3 })],
  ["boxes", [Object(true), Object(1), Object("s"), Object(1n)]],
  [
    "a map and a set",
    [
      new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1])],
        ["k", undefined],
      ]),
      new Set([[1], "a"]),
    ],
  ],
  [
    "subclasses",
    [
      new (class extends Map<number, number> {})([[1, 2]]),
      new (class extends Array<number> {})(1, 2),
      new (class extends Date {})(5),
    ],
  ],
  ["cycles", cyclic()],
  ["a buffer and its views", sharedBuffer()],
  ["typed arrays", [new Float64Array([1.5]), new BigInt64Array([1n]), new Uint8ClampedArray([300]), new Int8Array(0)]],
  ["an object that only looks like a map", Object.create(Map.prototype)],
  ["an object with a tag", { [Symbol.toStringTag]: "Map", a: 1 }],
];

describe("structuredClone in the guest does what the platform's does", () => {
  test.each(samples)("with %s", (_what, value) => {
    expect(cloned(value)).toStrictEqual(structuredClone(value));
  });

  test("with identities: one object stays one, one buffer stays one", () => {
    const one = { a: 1 };
    const copy = cloned({ first: one, second: one });
    expect(copy).toEqual({ first: one, second: one });
    expect(Reflect.get(Object(copy), "first")).toBe(Reflect.get(Object(copy), "second"));
    const shared = Object(cloned(sharedBuffer()));
    expect(shared.bytes.buffer).toBe(shared.buffer);
    expect(shared.view.buffer).toBe(shared.buffer);
    expect([shared.bytes.byteOffset, shared.bytes.length, shared.view.byteOffset]).toEqual([2, 3, 1]);
    expect(shared.buffer).not.toBe(Object(sharedBuffer()).buffer);
  });

  test.each([
    ["each kind", [new Error("a"), new TypeError("b"), new RangeError("c"), new SyntaxError("d")]],
    ["a name of its own", Object.assign(new TypeError("a"), { name: "Odd" })],
    ["a cause", new Error("a", { cause: { b: new TypeError("c") } })],
    ["no message", new URIError()],
    ["properties, which are dropped", Object.assign(new Error("a"), { code: 1 })],
  ])("with errors: %s", (_what, value) => {
    const told = (error: unknown): unknown =>
      error instanceof Error
        ? [
            Object.getPrototypeOf(error).name,
            error.name,
            error.message,
            error.stack,
            told(error.cause),
            Object.keys(error),
          ]
        : error;
    const all = (errors: unknown) => [errors].flat().map(told);
    expect(all(cloned(value))).toEqual(all(structuredClone(value)));
  });

  test.each([
    ["a function", () => 1],
    ["a function deep inside", { a: [new Map([[1, { b() {} }]])] }],
    ["a symbol", Symbol("s")],
    ["a boxed symbol", Object(Symbol("s"))],
    ["a promise", Promise.resolve()],
    ["a weak map", { a: new WeakMap() }],
    ["a weak set", new WeakSet()],
    ["a generator", (function* () {})()],
    ["an iterator", new Map().entries()],
  ])("and refuses %s with a DataCloneError", (_what, value) => {
    for (const clone of [structuredClone, cloned]) {
      expect(() => clone(value)).toThrow(expect.objectContaining({ name: "DataCloneError", code: 25 }));
    }
  });

  test("and lets what a getter throws through", () => {
    const value = {
      get a() {
        throw new RangeError("mine");
      },
    };
    expect(() => cloned(value)).toThrow(RangeError);
  });
});

describe("structuredClone in the guest", () => {
  test("transfers nothing", () => {
    const buffer = new ArrayBuffer(8);
    expect(() => cloned(buffer, { transfer: [buffer] })).toThrow(expect.objectContaining({ name: "DataCloneError" }));
    expect(cloned(1, { transfer: [] })).toBe(1);
  });

  test("clones a DOMException", () => {
    if (typeof GuestException !== "function") throw new Error("there is no DOMException");
    const copy = cloned(Reflect.construct(GuestException, ["gone", "AbortError"]));
    expect(copy).toBeInstanceOf(GuestException);
    expect(copy).toMatchObject({ name: "AbortError", message: "gone", code: 20 });
  });
});

test("the guest's DOMException has the platform's names, codes and tag", () => {
  if (typeof GuestException !== "function") throw new Error("there is no DOMException");
  const names =
    "IndexSizeError HierarchyRequestError WrongDocumentError InvalidCharacterError NotFoundError SyntaxError ";
  const more = "NotSupportedError InvalidStateError InvalidAccessError TypeMismatchError NetworkError AbortError Odd ";
  for (const name of `${names}${more}QuotaExceededError TimeoutError DataCloneError Error OperationError`.split(" ")) {
    const [ours, theirs] = [Reflect.construct(GuestException, ["m", name]), new DOMException("m", name)];
    expect([ours.name, ours.message, ours.code, `${ours}`]).toEqual([name, "m", theirs.code, `${theirs}`]);
    expect(Object.prototype.toString.call(ours)).toBe("[object DOMException]");
    expect(ours).toBeInstanceOf(Error);
  }
  expect(Reflect.construct(GuestException, ["m", { name: "AbortError", cause: 1 }])).toMatchObject({
    cause: 1,
    code: 20,
  });
});
