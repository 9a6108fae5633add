// Past 250 lines: one table of data.
import { type CaseText, casesOf } from "../hostile-case.ts";

const cpu = { kind: "cpu-exceeded" } as const;
const waits = { kind: "timed-out", message: /nothing can settle/ } as const;

const texts: CaseText[] = [
  {
    name: "a crowd that loops in V8's own functions",
    body: "Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);",
    crowd: 10,
    budgets: { wallMs: 20_000 },
    expected: cpu,
  },
  { name: "a loop at the top level", source: "for (;;); export default () => 1;", expected: cpu },
  {
    name: "a loop in a class's static block",
    source: "class A { static { for (;;); } } export default A;",
    expected: cpu,
  },
  { name: "a loop at once", body: "for (;;);", expected: cpu },
  { name: "a loop with labels", body: "a: for (;;) { b: for (;;) { for (;;) continue a; break b; } }", expected: cpu },
  { name: "a loop after an await", body: "await 1; for (;;);", expected: cpu },
  {
    name: "a loop after a host call",
    body: 'await fetch("https://a.example/"); for (;;);',
    expected: { ...cpu, calls: 1 },
  },
  {
    name: "a loop in every turn but short",
    waits: true,
    body: 'const spin = () => { for (let i = 0; i < 4e5; i++); }; for (let i = 0; i < 19; i++) { spin(); await fetch("https://a.example/" + i); } for (;;) { spin(); await new Promise((r) => setTimeout(r, 1)); }',
    expected: cpu,
  },
  { name: "a loop in a getter of the result", body: "return { get a() { for (;;); } };", expected: cpu },
  { name: "a loop in toJSON", body: "return { toJSON() { for (;;); } };", expected: cpu },
  {
    name: "a loop in toJSON of BigInt's prototype",
    body: "BigInt.prototype.toJSON = () => { for (;;); }; return 1n;",
    expected: cpu,
  },
  { name: "a loop in a thenable", body: "return { then() { for (;;); } };", expected: cpu },
  {
    name: "thenables without end",
    body: "const more = () => ({ then(done) { done(more()); } }); return more();",
    expected: cpu,
  },
  { name: "a loop in finally", body: "try { throw 1 } finally { for (;;); }", expected: cpu },
  {
    name: "finally that takes back each return",
    body: "for (;;) { try { return 1 } finally { continue } }",
    expected: cpu,
  },
  {
    name: "a loop in a promise's finally",
    body: "return Promise.reject(1).finally(() => { for (;;); });",
    expected: cpu,
  },
  {
    name: "a loop in a proxy's trap that the result is read through",
    body: "return new Proxy({}, { ownKeys() { for (;;); } });",
    expected: cpu,
  },
  {
    name: "a loop in a proxy's trap that arguments are read through",
    body: "await utils.integrations.stripe.fetch(new Proxy({}, { get() { for (;;); } }), {});",
    expected: { ...cpu, calls: 0 },
  },
  {
    name: "proxies around proxies",
    body: "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); for (;;) p.a;",
    expected: { kind: "threw" },
  },
  {
    name: "a generator without end",
    body: "function* g() { for (;;) yield 1; } for (const a of g()) void a;",
    expected: cpu,
  },
  {
    name: "a generator that is spread",
    body: "function* g() { for (;;) yield; } Math.max(...g());",
    expected: { kind: ["cpu-exceeded", "out-of-memory"] },
  },
  {
    name: "an async generator without end",
    body: "async function* g() { for (;;) yield 1; } for await (const a of g()) void a;",
    expected: cpu,
  },
  {
    name: "a loop in an iterator's return",
    body: "const it = { [Symbol.iterator]() { return this; }, next: () => ({ done: false }), return() { for (;;); } }; for (const a of it) { void a; break; }",
    expected: cpu,
  },
  {
    name: "an iterator that is never done",
    body: "const it = { [Symbol.iterator]() { return this; }, next: () => ({ done: false, value: 1 }) }; new Set(it);",
    expected: cpu,
  },
  {
    name: "an iterator that is never done, destructured",
    body: "const [a, ...rest] = { [Symbol.iterator]() { return this; }, next: () => ({ done: false, value: 0 }) }; return [a, rest];",
    expected: { kind: ["cpu-exceeded", "out-of-memory"] },
  },
  {
    name: "iterator helpers without end",
    body: "const it = Iterator.from({ next: () => ({ done: false, value: 1 }) }); it.map((a) => a).filter(() => false).toArray();",
    expected: cpu,
  },
  { name: "a loop in Symbol.toPrimitive", body: "`${{ [Symbol.toPrimitive]() { for (;;); } }}`;", expected: cpu },
  {
    name: "a loop in valueOf that a timer's delay is",
    body: "setTimeout(() => {}, { valueOf() { for (;;); } });",
    expected: cpu,
  },
  {
    name: "a loop in toString that an address is",
    body: "await fetch({ toString() { for (;;); } });",
    expected: { ...cpu, calls: 0 },
  },
  {
    name: "a loop in hasInstance",
    body: "({}) instanceof { [Symbol.hasInstance]() { for (;;); } };",
    expected: cpu,
  },
  { name: "a loop in a tagged template", body: "const t = () => { for (;;); }; t`x`;", expected: cpu },
  { name: "a loop in a default argument", body: "((a = (() => { for (;;); })()) => a)();", expected: cpu },
  {
    name: "a loop in a getter that a destructuring reads",
    body: "const { a } = { get a() { for (;;); } }; return a;",
    expected: cpu,
  },
  {
    name: "a loop in a disposer",
    body: "using a = { [Symbol.dispose]() { for (;;); } }; return a;",
    expected: cpu,
  },
  { name: "a loop in a setter", body: "({ set a(b) { for (;;); } }).a = 1;", expected: cpu },
  {
    name: "a loop in a derived constructor",
    body: "class A { constructor() { for (;;); } } new (class extends A {})();",
    expected: cpu,
  },
  { name: "a loop in a thrown error's getter", body: "throw { get message() { for (;;); } };", expected: cpu },
  {
    name: "a loop in a thrown error's stack",
    body: "Error.prepareStackTrace = () => { for (;;); }; throw new Error('x');",
    expected: cpu,
  },
  {
    name: "a loop in a logged error's stack",
    body: "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { for (;;); } }); console.log(e);",
    expected: cpu,
  },
  { name: "a loop in what is logged", body: "console.log({ toJSON() { for (;;); } });", expected: cpu },
  {
    name: "a loop in an unheard rejection's message",
    body: "Promise.reject({ get message() { for (;;); } }); return 1;",
    expected: cpu,
  },
  {
    name: "a loop in an unheard rejection's stack",
    body: "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { for (;;); } }); Promise.reject(e); return 1;",
    expected: cpu,
  },
  {
    name: "microtasks without end behind an unheard rejection's message",
    body: "const again = () => { Promise.resolve().then(again); }; Promise.reject({ get message() { again(); return 'x'; } }); return 1;",
    expected: cpu,
  },
  {
    name: "a regular expression that goes back and forth",
    body: "/^(a+)+$/.test('a'.repeat(40) + 'b');",
    expected: cpu,
  },
  {
    name: "a regular expression with a look-behind that does",
    body: "/(?<=^(a+)+b)c/.test('x' + 'a'.repeat(40) + 'bc');",
    expected: cpu,
  },
  { name: "a regular expression of nested groups", body: "/((a*)*)*b/.test('a'.repeat(30));", expected: cpu },
  { name: "a regular expression with back-references", body: "/^(a*)*\\1\\1b$/.test('a'.repeat(60));", expected: cpu },
  { name: "a regular expression in split", body: "('a'.repeat(60) + 'b').split(/(a+)+$/);", expected: cpu },
  { name: "a regular expression in replace", body: "for (;;) 'x'.repeat(1e5).replace(/x/g, 'yy');", expected: cpu },
  {
    name: "a sort whose order never is one",
    body: "const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) a.sort(() => Math.random() - 0.5);",
    expected: cpu,
  },
  { name: "a loop in a sort's comparator", body: "[2, 1].sort(() => { for (;;); });", expected: cpu },
  {
    name: "an array that grows while it is walked through",
    body: "const a = [1]; for (const b of a) a.push(b);",
    expected: { kind: ["cpu-exceeded", "out-of-memory"] },
  },
  {
    name: "a map that grows under its iteration",
    body: "const m = new Map([[0, 0]]); for (const [k] of m) { m.delete(k); m.set(k + 1, 0); }",
    expected: cpu,
  },
  { name: "powers of BigInts", body: "let a = 3n; for (;;) a = (a * a) % (2n ** 4096n);", expected: cpu },
  { name: "a BigInt that is printed", body: "const a = 3n ** 300000n; for (;;) String(a);", expected: cpu },
  {
    name: "JSON that is parsed again and again",
    body: "const t = JSON.stringify(Array.from({ length: 5e4 }, (_, i) => ({ i }))); for (;;) JSON.parse(t);",
    expected: cpu,
  },
  {
    name: "JSON with a reviver without end",
    body: "JSON.parse('[1]', function reviver() { this.push?.(1); for (;;); });",
    expected: cpu,
  },
  {
    name: "JSON of what is shared many times over",
    body: "let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a, (k, v) => v);",
    expected: cpu,
  },
  {
    name: "a result that is shared many times over",
    body: "let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; return a;",
    expected: { kind: "refused", message: /10000 values/ },
  },
  {
    name: "dates that are parsed",
    body: "for (;;) Date.parse('Thu, 01 Jan 1970 00:00:00 GMT (' + 'x'.repeat(1e4) + ')');",
    expected: cpu,
  },
  { name: "a loop in a replace's callback", body: "'a'.replace(/a/, () => { for (;;); });", expected: cpu },
  {
    name: "a replace that grows its text",
    body: "let t = 'ab'; for (;;) { t = t.replaceAll('a', 'ab'); t = t.slice(0, 1000); }",
    expected: cpu,
  },
  { name: "recursion", body: "const f = () => f(); f();", expected: { kind: "threw", error: "RangeError" } },
  {
    name: "recursion that is caught and begun again",
    body: "const f = () => { try { f() } catch { f() } }; f();",
    expected: cpu,
  },
  {
    name: "recursion of two generators",
    body: "function* a() { yield* b(); } function* b() { yield* a(); } for (;;) try { [...a()]; } catch {}",
    expected: cpu,
  },
  {
    name: "recursion through a getter of a proxy",
    body: "const p = new Proxy({}, { get: (t, k, r) => r[k] }); for (;;) try { p.x } catch {}",
    expected: cpu,
  },
  {
    name: "recursion through toString",
    body: "const o = { toString() { return `${o}`; } }; for (;;) try { `${o}` } catch {}",
    expected: cpu,
  },
  {
    name: "a storm of microtasks",
    body: "const again = () => { Promise.resolve().then(again) }; again(); await new Promise(() => {});",
    expected: cpu,
  },
  {
    name: "a storm of queued microtasks",
    body: "const again = () => queueMicrotask(again); again(); await new Promise(() => {});",
    expected: cpu,
  },
  { name: "a storm of awaits", body: "for (;;) await null;", expected: cpu },
  {
    name: "a storm of microtasks after the result",
    body: "const again = () => { Promise.resolve().then(again) }; again(); return 1;",
    expected: cpu,
  },
  {
    name: "a loop after the result",
    body: "queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => { for (;;); }))); return 1;",
    expected: cpu,
  },
  { name: "a timer that loops", body: "await new Promise(() => setTimeout(() => { for (;;); }, 1));", expected: cpu },
  {
    name: "timers that start themselves again",
    waits: true,
    body: "await new Promise(() => { const again = () => setTimeout(again, 0); again(); });",
    expected: { kind: ["timed-out", "threw", "cpu-exceeded"] },
  },
  {
    name: "an interval that nobody ends",
    body: "await new Promise(() => setInterval(() => {}, 1));",
    budgets: { wallMs: 600 },
    expected: { kind: "timed-out" },
  },
  {
    name: "an interval of loops",
    waits: true,
    body: "await new Promise(() => setInterval(() => { for (let i = 0; i < 2e5; i++); }, 1));",
    expected: cpu,
  },
  { name: "a promise that nothing settles", body: "await new Promise(() => {});", expected: waits },
  {
    name: "a promise that waits for itself",
    body: "let p; p = (async () => { await null; return p; })(); return p;",
    expected: { kind: "threw", error: "TypeError" },
  },
  {
    name: "two promises that wait for one another",
    body: "let a, b; a = (async () => { await 1; await b; })(); b = (async () => { await 1; await a; })(); await a;",
    expected: waits,
  },
  {
    name: "a host that never answers",
    body: 'await fetch("https://a.example/");',
    host: "never",
    budgets: { wallMs: 500 },
    expected: { kind: "timed-out", calls: 1 },
  },
  {
    name: "a hundred timers of a minute",
    body: "await Promise.all(Array.from({ length: 100 }, () => new Promise((r) => setTimeout(r, 60_000))));",
    budgets: { wallMs: 500 },
    expected: { kind: "timed-out" },
  },
  {
    name: "a wait for each of many calls without answer",
    body: 'for (let i = 0; i < 20; i++) fetch("https://a.example/").catch(() => {}); await new Promise(() => {});',
    host: "never",
    budgets: { wallMs: 500 },
    expected: { kind: "timed-out", calls: 20 },
  },
  {
    name: "digests without end",
    body: "const b = new Uint8Array(1 << 20); for (;;) await crypto.subtle.digest('SHA-512', b);",
    expected: cpu,
  },
  {
    name: "addresses without end",
    body: "for (;;) new URL('https://b\\u00fccher.example/' + '%'.repeat(1000));",
    expected: cpu,
  },
  {
    name: "random values without end",
    body: "const b = new Uint8Array(65536); for (;;) crypto.getRandomValues(b);",
    expected: cpu,
  },
  {
    name: "a clone of what is nested without end",
    body: "let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; for (;;) try { structuredClone(a) } catch {}",
    expected: { kind: ["cpu-exceeded", "out-of-memory"] },
  },
  {
    name: "decoding without end",
    body: "const b = new Uint8Array(1 << 20).fill(97); for (;;) new TextDecoder().decode(b);",
    expected: { kind: ["cpu-exceeded", "out-of-memory"] },
  },
];

/** Runs that do not end by themselves. */
export const loops = casesOf("loops", texts);
