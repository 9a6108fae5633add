import { type CaseText, casesOf } from "../hostile-case.ts";

const clean = { kind: "returned", value: true } as const;

const texts: CaseText[] = [
  {
    name: "a global",
    body: "const before = globalThis.left === undefined; globalThis.left = 1; return before;",
    expected: clean,
  },
  {
    name: "a global that cannot be deleted",
    body: "const before = !('left' in globalThis); Object.defineProperty(globalThis, 'left', { value: 1, configurable: false }); return before;",
    expected: clean,
  },
  {
    name: "a variable of the module",
    source: "let n = 0; export default () => { n += 1; return n === 1; };",
    expected: clean,
  },
  {
    name: "a class's static field",
    source: "class A { static n = 0; } export default () => { A.n += 1; return A.n === 1; };",
    expected: clean,
  },
  {
    name: "a function's property",
    source: "function f() {} export default () => { const before = f.n === undefined; f.n = 1; return before; };",
    expected: clean,
  },
  {
    name: "a tagged template's object",
    source:
      "const tag = (t) => t; const make = () => tag`x`; export default () => { const t = make(); const seen = globalThis.seen; globalThis.seen = t; return seen === undefined && t === make(); };",
    expected: clean,
  },
  {
    name: "an object that the module's text writes out",
    source:
      "const make = () => ({ a: [1] }); export default () => { const o = make(); const before = o.a.length === 1 && o.left === undefined; o.a.push(2); o.left = 1; return before && make().a.length === 1; };",
    expected: clean,
  },
  {
    name: "prototypes",
    body: "const all = [Object, Array, String, Number, Boolean, Function, Promise, Map, Set, RegExp, Error, Date, Symbol, BigInt, ArrayBuffer, Uint8Array, Iterator]; const before = all.every((a) => a.prototype.left === undefined && a.left === undefined); for (const a of all) a.left = a.prototype.left = 1; return before;",
    expected: clean,
  },
  {
    name: "built-in functions",
    body: "const before = [].push.left === undefined && JSON.stringify.left === undefined; [].push.left = JSON.stringify.left = 1; Array.prototype.push = JSON.stringify = JSON.parse = Promise.prototype.then = () => { throw new Error('spoilt') }; return before;",
    expected: clean,
  },
  {
    name: "a poisoned Object.prototype",
    body: "const before = ({}).k === undefined; for (const key of ['k', 'value', 'get', 'ok', 'seq', 'then']) Object.defineProperty(Object.prototype, key, Object.assign(Object.create(null), { get: () => 1, set() {}, configurable: true })); return before;",
    expected: clean,
  },
  {
    name: "a frozen realm",
    body: "const before = Object.isExtensible(globalThis) && Object.isExtensible(Array.prototype); for (const name of Object.getOwnPropertyNames(globalThis)) { try { Object.freeze(globalThis[name]?.prototype); Object.freeze(globalThis[name]); } catch {} } Object.freeze(globalThis); return before;",
    expected: clean,
  },
  {
    name: "legacy statics of regular expressions",
    body: "const before = RegExp.lastMatch === '' && RegExp.$1 === '' && RegExp.input === ''; /(l)eft/.test('left over'); return before && RegExp.$1 === 'l';",
    expected: clean,
  },
  {
    name: "a regular expression's lastIndex",
    source: "const r = /a/g; export default () => { const before = r.lastIndex; r.test('aaa'); return before === 0; };",
    expected: clean,
  },
  {
    name: "the registry of symbols",
    body: "const s = Symbol.for('left'); const before = globalThis[s] === undefined && Object.prototype[s] === undefined; globalThis[s] = Object.prototype[s] = 1; return before;",
    expected: clean,
  },
  {
    name: "stacks' limit and preparation",
    body: "const before = Error.stackTraceLimit === 10 && Error.prepareStackTrace === undefined; Error.stackTraceLimit = 1; Error.prepareStackTrace = () => 'mine'; return before;",
    expected: clean,
  },
  {
    name: "Intl's objects",
    body: "const before = Intl.left === undefined && Intl.DateTimeFormat.left === undefined && Intl.DateTimeFormat().resolvedOptions().timeZone === 'UTC'; Intl.left = Intl.DateTimeFormat.left = 1; Intl.DateTimeFormat.prototype.resolvedOptions = () => ({}); return before;",
    expected: clean,
  },
  {
    name: "the web's classes",
    body: "const all = { URL, URLSearchParams, Headers, Request, Response, AbortSignal, AbortController, TextEncoder, TextDecoder, DOMException, structuredClone, fetch, crypto, console }; const before = Object.values(all).every((a) => a.left === undefined && a.prototype?.left === undefined); for (const a of Object.values(all)) { a.left = 1; if (a.prototype) a.prototype.left = 1; } return before && crypto.subtle.left === undefined && (crypto.subtle.left = 1) === 1;",
    expected: clean,
  },
  {
    name: "the web's classes through their prototypes",
    body: "const before = new URL('https://a.example/?b=c').searchParams.get('b') === 'c' && new Headers({ a: 'b' }).get('a') === 'b'; URLSearchParams.prototype.get = Headers.prototype.get = () => 'spoilt'; return before;",
    expected: clean,
  },
  {
    name: "a timer that outlives its run",
    body: "const before = globalThis.fired === undefined; setTimeout(() => { globalThis.fired = 1; for (;;); }, 1); setInterval(() => { for (;;); }, 1); return before;",
    times: 4,
    expected: clean,
  },
  {
    name: "an answer that comes after the end",
    body: "fetch('https://a.example/').then(() => { for (;;); }); return true;",
    times: 4,
    expected: clean,
  },
  {
    name: "a promise that is settled after the end",
    body: "new Promise((r) => setTimeout(r, 2)).then(() => { globalThis.left = 1; throw new Error('late') }); return globalThis.left === undefined;",
    times: 4,
    expected: clean,
  },
  {
    name: "a microtask that is queued at the end",
    body: "const before = globalThis.left === undefined; queueMicrotask(function more() { globalThis.left = (globalThis.left ?? 0) + 1; if (globalThis.left < 100) queueMicrotask(more); }); return before;",
    times: 4,
    expected: clean,
  },
  {
    name: "an unheard rejection's realm",
    body: `
    let before = true;
    const trap = new Proxy(function () {}, { apply(_t, _s, args) { before = args.constructor.left === undefined; args.constructor.left = 1; args.constructor.prototype.left = 1; return "x"; } });
    const bait = {}; Object.defineProperty(bait, "message", { get: trap }); Promise.reject(bait);
    await fetch("https://a.example/");
    return before;`,
    times: 4,
    expected: clean,
  },
  {
    name: "the state of Math.random",
    body: "const a = [Math.random(), Math.random(), Math.random()]; globalThis.console.log(a.join()); Math.random = () => 0.5; return a.every((x) => x !== 0.5) && new Set(a).size === 3;",
    expected: clean,
  },
  {
    name: "references that outlive their objects",
    body: "return typeof WeakRef === 'undefined' && typeof FinalizationRegistry === 'undefined';",
    expected: clean,
  },
  {
    name: "a weak map that is kept by nobody",
    source:
      "const m = new WeakMap(); export default () => { const before = m.get(Array.prototype) === undefined; m.set(Array.prototype, 1); return before; };",
    expected: clean,
  },
  {
    name: "memory of the run before",
    body: "const b = new Uint8Array(4 << 20); const before = b.every((x) => x === 0); b.fill(0xaa); return before;",
    budgets: { cpuMs: 2000 },
    expected: clean,
  },
  {
    name: "console, timers and host calls numbered anew",
    body: "const before = setTimeout(() => {}, 1); console.log('a'); await fetch('https://a.example/'); return before === 1;",
    expected: { ...clean, calls: 1, logs: ["a"] },
  },
  {
    name: "the log budget of the run before",
    body: "for (let i = 0; i < 200; i++) console.log('x'.repeat(100)); return true;",
    expected: clean,
  },
  {
    name: "a run that was stopped before",
    body: "if (globalThis.left) return false; globalThis.left = 1; const again = () => { Promise.resolve().then(again) }; again(); await new Promise(() => {});",
    times: 2,
    expected: { kind: "cpu-exceeded" },
  },
  {
    name: "the workflow that was there before",
    source: "const before = globalThis.__workflow === undefined; export default () => before;",
    expected: clean,
  },
];

/** What one run might leave for the next of the same workflow. */
export const leaks = casesOf(
  "leaks",
  texts.map((text) => ({ times: 3, ...text })),
);
