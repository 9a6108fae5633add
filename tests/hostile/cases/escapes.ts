// Past 250 lines: one table of data.
import { type CaseText, casesOf } from "../hostile-case.ts";

const closed = { kind: "threw", message: /Code generation|not a function|not a constructor|Cannot read/ } as const;
const nothing: CaseText["expected"] = { kind: "returned", value: [] };

/** Code of an author that another realm runs for it: what it finds there is in `found`. */
const otherRealm = (look: string) => `
  let found = null;
  const trap = new Proxy(function () {}, { apply(_target, _self, args) { try { found = (${look})(args); } catch (e) { found = String(e); } return "x"; } });
  const bait = {};
  Object.defineProperty(bait, "message", { get: trap });
  Promise.reject(bait);
  await fetch("https://a.example/");
  return found ?? null;`;

const texts: CaseText[] = [
  { name: "Function", body: 'return Function("return this")();', expected: closed },
  { name: "eval", body: "return typeof eval;", expected: { kind: "returned", value: "undefined" } },
  {
    name: "indirect eval by its name on the global object",
    body: 'return globalThis["ev" + "al"]("1");',
    expected: closed,
  },
  { name: "a function's constructor", body: 'return (() => 1).constructor("return this")();', expected: closed },
  {
    name: "an async function's constructor",
    body: 'return (async () => 1).constructor("return this")();',
    expected: closed,
  },
  { name: "a generator's constructor", body: 'return (function* () {}).constructor("yield 1")();', expected: closed },
  {
    name: "an async generator's constructor",
    body: 'return (async function* () {}).constructor("yield 1")();',
    expected: closed,
  },
  {
    name: "a class's constructor's constructor",
    body: 'return (class {}).constructor("return this")();',
    expected: closed,
  },
  {
    name: "a getter's constructor",
    body: 'return Object.getOwnPropertyDescriptor({ get a() { return 1 } }, "a").get.constructor("return 1")();',
    expected: closed,
  },
  {
    name: "a bound function's constructor",
    body: 'return (() => 1).bind().constructor("return this")();',
    expected: closed,
  },
  {
    name: "a capability's constructor",
    body: 'return utils.integrations.stripe.fetch.constructor("return process")();',
    expected: closed,
  },
  {
    name: "the constructor that the closed one inherits from",
    body: 'return Object.getPrototypeOf(Function).constructor("return 1")();',
    expected: closed,
  },
  {
    name: "Reflect.construct of a constructor",
    body: 'return Reflect.construct((() => 1).constructor, ["return 1"])();',
    expected: closed,
  },
  {
    name: "a subclass of Function",
    body: 'return new (class extends Function { constructor() { super("return 1"); } })()();',
    expected: closed,
  },
  {
    name: "a subclass of an async function's constructor",
    body: 'const Async = Object.getPrototypeOf(async () => {}).constructor; return new (class extends Async {})("return 1")();',
    expected: closed,
  },
  {
    name: "a constructor put back",
    body: 'delete Object.getPrototypeOf(() => 1).constructor; return (() => 1).constructor("return 1");',
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "the constructors of all that can be reached",
    body: `
    const seen = new Set(), made = [];
    const look = (value) => {
      if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
      seen.add(value);
      if (typeof value === "function") for (const args of [["return 1"], []]) try { const f = Reflect.construct(value, args); if (typeof f === "function" && f() === 1) made.push(value.name) } catch {}
      for (let at = value; at; at = Object.getPrototypeOf(at)) for (const key of Reflect.ownKeys(at)) {
        const own = Object.getOwnPropertyDescriptor(at, key);
        look(own.value); look(own.get); look(own.set);
        try { look(at[key]) } catch {}
      }
    };
    const roots = [utils, (() => 1), async () => 1, function* () {}, async function* () {}, [][Symbol.iterator](), new Map().entries(), "a".matchAll(/a/g), Promise.resolve(), Iterator.from([]), new Proxy({}, {})];
    try { null.x } catch (e) { roots.push(e) }
    for (const root of roots) look(root);
    for (const key of Reflect.ownKeys(globalThis)) try { look(globalThis[key]) } catch {}
    return made;`,
    budgets: { cpuMs: 2000 },
    expected: nothing,
  },
  {
    name: "import() of a module of Node",
    body: 'return import("node:fs");',
    expected: { kind: "uncompilable", message: /one module/ },
  },
  {
    name: "import() of a name that is made",
    body: 'const name = "node:" + "fs"; return import(name);',
    expected: { kind: "uncompilable" },
  },
  {
    name: "an import of a module of Node",
    source: 'import fs from "node:fs"; export default () => fs;',
    expected: { kind: "uncompilable", message: /one module/ },
  },
  {
    name: "an export from a module of Node",
    source: 'export * from "node:fs"; export default () => 1;',
    expected: { kind: "uncompilable" },
  },
  { name: "import.meta", body: "return import.meta.url;", expected: { kind: "uncompilable" } },
  { name: "require", body: 'return require("fs");', expected: { kind: "uncompilable" } },
  { name: "require by another name", body: 'const r = require; return r("fs");', expected: { kind: "uncompilable" } },
  {
    name: "import() in a script that no compiler made",
    compiled: true,
    source: 'globalThis.__workflow = async () => Object.keys(await import("node:fs"));',
    expected: { kind: "threw" },
  },
  {
    name: "import.meta in a script that no compiler made",
    compiled: true,
    source: "globalThis.__workflow = () => import.meta.url;",
    expected: { kind: "threw", error: "SyntaxError" },
  },
  {
    name: "a script that breaks out of its function",
    compiled: true,
    source: "}); globalThis.__workflow = () => [typeof process, typeof require, typeof eval]; (function () {",
    expected: { kind: "returned", value: ["undefined", "undefined", "undefined"] },
  },
  {
    name: "V8's own functions",
    compiled: true,
    source: "globalThis.__workflow = () => %GetHeapUsage();",
    expected: { kind: "threw", error: "SyntaxError" },
  },
  {
    name: "globals of a host",
    body: `return ["process", "require", "module", "exports", "global", "Buffer", "console._stdout", "__dirname", "Deno", "Bun", "ivm", "isolate", "WebAssembly", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "Temporal", "gc", "d8", "print", "load", "quit", "Worker", "navigator", "ShadowRealm", "way", "admit", "core", "parts", "kept", "records", "drain", "enter"].filter((name) => name in globalThis);`,
    expected: nothing,
  },
  {
    name: "the frames of a stack trace",
    body: `
    const sites = [];
    Error.prepareStackTrace = (_e, frames) => { sites.push(...frames); return ""; };
    new Error("x").stack;
    await Promise.resolve().then(() => new Error("y").stack);
    try { await fetch({ toString() { new Error("z").stack; return "https://a.example/" } }) } catch {}
    JSON.stringify({ toJSON() { new Error("j").stack; return 1 } });
    console.log({ toJSON() { new Error("k").stack; return 1 } });
    return sites.filter((site) => site.getThis() !== undefined && site.getThis() !== null || site.getFunction() !== undefined && site.getFunction() !== null).map(String);`,
    expected: nothing,
  },
  {
    name: "the frames of the prelude's own errors",
    body: `
    const found = [];
    Error.prepareStackTrace = (_e, frames) => { for (const f of frames) if (f.getFunction?.() || f.getThis?.()) found.push(String(f)); return ""; };
    for (const make of [() => new URL("x"), () => atob("*"), () => structuredClone(() => 1), () => setTimeout(1), () => new Response("", { status: 1 }), () => crypto.getRandomValues(1)]) try { make() } catch (e) { void e.stack }
    try { await utils.integrations.stripe.fetch(() => 1) } catch (e) { void e.stack }
    return found;`,
    expected: nothing,
  },
  {
    name: "the caller of a function",
    body: "return (function f() { return f.caller; })();",
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "the callee of arguments and its caller",
    body: "return (function () { return arguments.callee.caller; })();",
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "captureStackTrace into a frozen thing",
    body: "Error.captureStackTrace(utils);",
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "captureStackTrace on the global object",
    body: "Error.captureStackTrace(globalThis); return /scrip:prelude|node:|\\/home|\\/app|file:/.test(globalThis.stack.replace(/scrip:prelude/g, ''));",
    expected: { kind: "returned", value: false },
  },
  {
    name: "paths of the host in a stack",
    body: "Error.stackTraceLimit = 200; return /(\\/[a-z]+){2}|node:internal|file:/.test(new Error('x').stack);",
    expected: { kind: "returned", value: false },
  },
  {
    name: "paths of the host in the error of a call",
    body: 'try { await fetch("https://a.example/") } catch (e) { return [Object.getOwnPropertyNames(e).sort(), /(\\/[a-z]+){2}|node:/.test(e.stack), Object.getPrototypeOf(e) === Error.prototype] }',
    host: "refuses",
    expected: { kind: "returned", value: [["message", "name", "stack"], false, true] },
  },
  {
    name: "the realm of an answer",
    body: 'const a = await utils.integrations.stripe.fetch("a", {}); return [Object.getPrototypeOf(a) === Object.prototype, a.constructor === Object];',
    expected: { kind: "returned", value: [true, true] },
  },
  {
    name: "the realm of a promise that a call gives",
    body: 'const p = fetch("https://a.example/"); return [p instanceof Promise, p.constructor === Promise];',
    expected: { kind: "returned", value: [true, true] },
  },
  {
    name: "the realm of the input",
    body: "return [input.a.constructor === Array, Object.getPrototypeOf(utils) === Object.prototype, Object.isFrozen(input.a)];",
    input: { a: [1] },
    expected: { kind: "returned", value: [true, true, true] },
  },
  {
    name: "the constructor of the realm that unheard rejections are read in",
    body: otherRealm("(args) => args.constructor.constructor('return 1')()"),
    expected: { kind: "returned", value: "EvalError: Code generation from strings is not available in a workflow" },
  },
  {
    name: "the globals of the realm that unheard rejections are read in",
    body: otherRealm(
      "(args) => args.constructor.constructor('return [typeof SharedArrayBuffer, typeof WeakRef, typeof eval]')()",
    ),
    expected: { kind: "returned", value: "EvalError: Code generation from strings is not available in a workflow" },
  },
  {
    name: "the asynchronous constructor of that realm",
    body: otherRealm("(args) => args.constructor.fromAsync.constructor('return 1')()"),
    expected: { kind: "returned", value: "EvalError: Code generation from strings is not available in a workflow" },
  },
  {
    name: "the other realm by a proxy of a proxy",
    body: otherRealm(
      "(args) => { const A = args.constructor; const all = []; for (const key of Reflect.ownKeys(A.prototype)) { const f = A.prototype[key]; if (typeof f === 'function') try { f.constructor('return 1')(); all.push(String(key)) } catch {} } return all; }",
    ),
    expected: { kind: "returned", value: [] },
  },
  {
    name: "the array that a trap is given in its own realm",
    body: "let found; new Proxy(function () {}, { apply: (_t, _s, args) => { found = args.constructor === Array } })(1); return found;",
    expected: { kind: "returned", value: true },
  },
  {
    name: "an array's species",
    body: "class A extends Array { static get [Symbol.species]() { return function (n) { return new Proxy({ length: n }, {}) } } } try { return [typeof new A(1, 2, 3).map((a) => a)] } catch (e) { return e.name }",
    expected: { kind: "returned", value: ["object"] },
  },
  {
    name: "a promise's species",
    body: "const P = class extends Promise { static get [Symbol.species]() { return function (run) { run((v) => { globalThis.seen = v }, () => {}); } } }; const p = P.resolve(1).then((a) => a); await null; await null; return [typeof p, globalThis.seen ?? null];",
    expected: { kind: "returned", value: ["object", 1] },
  },
  {
    name: "a promise of another class as the result",
    body: "class P extends Promise {} return P.resolve({ a: 1 });",
    expected: { kind: "returned", value: { a: 1 } },
  },
  {
    name: "Promise replaced",
    body: 'globalThis.Promise = class { constructor(run) { run((v) => { globalThis.got = v }, () => {}) } }; fetch("https://a.example/").then?.(() => {}, () => {}); await null; return typeof globalThis.got;',
    expected: { kind: "returned" },
  },
  {
    name: "then of every promise",
    body: 'const seen = []; Promise.prototype.then = function (...a) { seen.push(typeof a[0]); return Promise.resolve(); }; await utils.integrations.stripe.fetch("a", {}); return seen.length;',
    expected: { kind: "returned", value: 0 },
  },
  {
    name: "then of every object",
    body: 'const seen = []; Object.prototype.then = function (done) { seen.push(Object.keys(this).length); delete Object.prototype.then; done(5); }; const a = await utils.integrations.stripe.fetch("a", {}); return [a, seen.length];',
    expected: { kind: "returned", value: [5, 1] },
  },
  {
    name: "a result with then",
    body: "return { then(done) { done({ then: (d) => d(7) }) } };",
    expected: { kind: "returned", value: 7 },
  },
  {
    name: "a result that is a proxy",
    body: "return new Proxy({ a: 1 }, { get: (t, k) => (k === 'toJSON' || k === 'then' ? undefined : Reflect.get(t, k)) });",
    expected: { kind: "returned", value: { a: 1 } },
  },
  {
    name: "a result that is a revoked proxy",
    body: "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return { proxy };",
    expected: { kind: "refused" },
  },
  {
    name: "a thrown revoked proxy",
    body: "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;",
    expected: { kind: "threw", error: "Error" },
  },
  {
    name: "a thrown proxy of an error",
    body: "throw new Proxy(new Error('inner'), { get(t, k) { if (k === 'stack') throw 1; return t[k]; } });",
    expected: { kind: "threw", message: /^inner$/ },
  },
  {
    name: "a thrown error whose parts are no texts",
    body: "throw { name: { toString: () => ({}) }, message: Symbol('m'), stack: 5 };",
    expected: { kind: "threw", error: "Error" },
  },
  {
    name: "a thrown function",
    body: "throw () => process;",
    expected: { kind: "threw", error: "Error" },
  },
  {
    name: "a DOMException that is thrown",
    body: "throw new DOMException('m', 'AbortError');",
    expected: { kind: "threw", error: "AbortError", message: /^m$/ },
  },
  {
    name: "a result with keys that are prototypes",
    body: `return JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');`,
    expected: {
      kind: "returned",
      value: JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    },
  },
  {
    name: "arguments with keys that are prototypes",
    body: `await utils.integrations.stripe.fetch("a", JSON.parse('{"__proto__":{"polluted":1}}')); return ({}).polluted ?? null;`,
    expected: { kind: "returned", value: null, calls: 1 },
  },
  {
    name: "a header named like a prototype",
    body: `const h = new Headers([["__proto__", "x"]]); await fetch("https://a.example/", { headers: h }); return [({}).x ?? null, h.get("__proto__")];`,
    expected: { kind: "returned", value: [null, "x"], calls: 1 },
  },
  {
    name: "the input's own prototype keys",
    body: "return [Object.keys(input), ({}).polluted ?? null];",
    input: JSON.parse('{"__proto__":{"polluted":1},"a":1}'),
    expected: { kind: "returned" },
  },
  {
    name: "globals that are shadowed",
    body: "globalThis.undefined; globalThis.Object = globalThis.Array = globalThis.JSON = globalThis.Reflect = globalThis.Math = globalThis.String = undefined; await utils.integrations.stripe.fetch('a', {}); return [1];",
    expected: { kind: "returned", value: [1], calls: 1 },
  },
  {
    name: "a workflow that replaces itself",
    body: "const again = globalThis.__workflow; globalThis.__workflow = () => 2; return typeof again;",
    expected: { kind: "returned", value: "function" },
  },
  {
    name: "a workflow behind a getter",
    source:
      "let n = 0; Object.defineProperty(globalThis, '__workflow', { get() { n += 1; return () => n; }, set() {} }); export default () => 'own';",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a default export that is a proxy",
    source: "export default new Proxy(() => 1, { apply: () => 3 });",
    expected: { kind: "returned", value: 3 },
  },
  {
    name: "a default export that is a class",
    source: "export default class {}",
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "a default export that is no function",
    source: "export default { then: () => 1 };",
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "the secret of the run's random values",
    body: `
    const seen = [];
    for (const type of [Uint8Array, Uint32Array, DataView]) for (const key of Object.getOwnPropertyNames(type.prototype)) {
      const own = Object.getOwnPropertyDescriptor(type.prototype, key);
      if (typeof own.value === "function" && key !== "constructor") type.prototype[key] = function (...a) { seen.push(a.length); return own.value.apply(this, a) };
    }
    const before = String.prototype.slice; let hex = 0;
    String.prototype.slice = function (...a) { if (/^[0-9a-f]{64}$/.test(this)) hex += 1; return before.apply(this, a) };
    String.prototype.substring = function (...a) { if (/^[0-9a-f]{64}$/.test(this)) hex += 1; return before.apply(this, a) };
    crypto.randomUUID();
    return hex;`,
    expected: { kind: "returned", value: 0 },
  },
];

/** Ways out of the realm, or to code made of text. */
export const escapes = casesOf("escapes", texts);
