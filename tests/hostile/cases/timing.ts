import { type CaseText, casesOf } from "../hostile-case.ts";

const still = { kind: "returned", value: true } as const;
const spin = "for (let i = 0; i < 3e5; i++);";
const budgets = { cpuMs: 1000 };

const texts: CaseText[] = [
  { name: "Date.now", body: `const a = Date.now(); ${spin} return Date.now() === a;`, budgets, expected: still },
  {
    name: "new Date",
    body: `const a = +new Date(); ${spin} return +new Date() === a && new Date(undefined).getTime() !== a;`,
    budgets,
    expected: still,
  },
  { name: "Date as a function", body: `const a = Date(); ${spin} return Date() === a;`, budgets, expected: still },
  {
    name: "a subclass of Date",
    body: `class D extends Date {} const a = +new D(); ${spin} return +new D() === a;`,
    budgets,
    expected: still,
  },
  {
    name: "the constructor of a date",
    body: `const D = new Date(0).constructor; const a = D.now(); ${spin} return D.now() === a && D === Date && Object.getPrototypeOf(D) === Function.prototype;`,
    budgets,
    expected: still,
  },
  {
    name: "Reflect.construct of Date",
    body: `const a = +Reflect.construct(Date, []); ${spin} return +Reflect.construct(Date, [], class extends Date {}) === a;`,
    budgets,
    expected: still,
  },
  {
    name: "a date that Intl writes",
    body: `const f = new Intl.DateTimeFormat('en', { minute: 'numeric', second: 'numeric', fractionalSecondDigits: 3 }); const at = f.format(new Date()); ${spin} return f.format() === at && f.format(undefined) === at;`,
    budgets,
    expected: still,
  },
  {
    name: "a date that Intl writes in parts",
    body: `const f = new Intl.DateTimeFormat('en', { minute: 'numeric', second: 'numeric', fractionalSecondDigits: 3 }); const text = () => f.formatToParts().map((p) => p.value).join(''); const at = f.format(new Date()); ${spin} return text() === at;`,
    budgets,
    expected: still,
  },
  {
    name: "a date that Intl writes by a function that it gives",
    body: `const { format } = new Intl.DateTimeFormat('en', { second: 'numeric', fractionalSecondDigits: 3 }); const all = new Set(); for (let i = 0; i < 30; i++) { for (let j = 0; j < 2e4; j++); all.add(format()); } return all.size === 1;`,
    budgets,
    expected: still,
  },
  {
    name: "a date of Temporal's",
    body: "return typeof Temporal === 'undefined' && (typeof new Date(0).toTemporalInstant !== 'function' || new Date(0).toTemporalInstant().epochMilliseconds === 0);",
    expected: still,
  },
  {
    name: "performance",
    body: "const a = performance.now(); for (let i = 0; i < 1e5; i++); return performance.now() === a;",
    expected: still,
  },
  {
    name: "a shared buffer",
    body: "return typeof SharedArrayBuffer === 'undefined' && typeof Atomics === 'undefined';",
    expected: still,
  },
  { name: "a shared buffer of WebAssembly's", body: "return typeof WebAssembly === 'undefined';", expected: still },
  {
    name: "a shared buffer of the realm that unheard rejections are read in",
    body: `
    let found = "nothing";
    const trap = new Proxy(function () {}, { apply(_t, _s, args) { try { found = args.constructor.constructor("return typeof SharedArrayBuffer")(); } catch { found = "closed"; } return "x"; } });
    const bait = {}; Object.defineProperty(bait, "message", { get: trap }); Promise.reject(bait);
    await fetch("https://a.example/");
    return found === "closed";`,
    expected: still,
  },
  {
    name: "a timer of no time within one turn",
    body: `let n = 0; setTimeout(() => { n += 1; }, 0); ${spin} await null; return n === 0;`,
    budgets,
    expected: still,
  },
  {
    name: "the clock from turn to turn",
    body: "const a = Date.now(); await new Promise((r) => setTimeout(r, 30)); const b = Date.now(); return b - a >= 25 && b - a < 2000;",
    expected: still,
  },
  {
    name: "the times of log lines",
    body: `console.log('a'); ${spin} console.log('b'); return true;`,
    budgets,
    expected: { ...still, logs: ["a", "b"] },
  },
  { name: "Atomics.waitAsync", body: "return typeof globalThis.Atomics?.waitAsync === 'undefined';", expected: still },
];

/** Clocks that would time what others do, and memory that threads would share. */
export const timing = casesOf("timing", texts);
