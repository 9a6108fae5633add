// Past 250 lines: one table of data.
import { type CaseText, casesOf } from "../hostile-case.ts";

const memory = { kind: "out-of-memory" } as const;
/** Which of the two budgets such a bomb breaks first depends on the machine. */
const stopped = { kind: ["out-of-memory", "cpu-exceeded"] } as const;
const roomy = { cpuMs: 4000, wallMs: 10_000 };
const short = { cpuMs: 300 };

const texts: CaseText[] = [
  {
    name: "arrays of arrays",
    body: "const a = []; for (;;) a.push(new Array(1e4).fill(1));",
    budgets: roomy,
    expected: memory,
  },
  { name: "a list of objects", body: "let a = null; for (;;) a = { a, b: [a] };", budgets: roomy, expected: memory },
  {
    name: "an object of many keys",
    body: "const a = {}; for (let i = 0; ; i++) a['k' + i] = i;",
    budgets: short,
    expected: stopped,
  },
  { name: "an array that doubles", body: "let a = [1]; for (;;) a = a.concat(a);", budgets: roomy, expected: memory },
  {
    name: "texts that are flattened",
    body: "const a = []; for (let i = 0; ; i++) a.push(('x' + i).repeat(1 << 14).split('').join('-'));",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "a text that doubles and is read",
    body: "let t = 'xy'; for (;;) { t += t; t.charCodeAt(t.length >> 1); }",
    budgets: short,
    expected: stopped,
  },
  {
    name: "a text of small pieces",
    body: "let t = ''; for (let i = 0; ; i++) t += String.fromCharCode(i & 0xff) + i;",
    budgets: short,
    expected: stopped,
  },
  {
    name: "padded texts",
    body: "const a = []; for (let i = 0; ; i++) { const t = 'x'.padStart(1e6, 'yz' + i); t.charCodeAt(9); a.push(t); }",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "a map",
    body: "const a = new Map(); for (let i = 0; ; i++) a.set(i, { i });",
    budgets: short,
    expected: stopped,
  },
  {
    name: "a set",
    body: "const a = new Set(); for (let i = 0; ; i++) a.add('k' + i);",
    budgets: short,
    expected: stopped,
  },
  {
    name: "a weak map whose keys live",
    body: "const a = new WeakMap(), keys = []; for (let i = 0; ; i++) { const k = {}; keys.push(k); a.set(k, [i]); }",
    budgets: short,
    expected: stopped,
  },
  {
    name: "symbols",
    body: "const a = []; for (let i = 0; ; i++) a.push(Symbol('s' + i));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "symbols of the registry",
    body: "for (let i = 0; ; i++) Symbol.for('key'.repeat(20) + i);",
    budgets: short,
    expected: stopped,
  },
  {
    name: "buffers",
    body: "const a = []; for (;;) a.push(new ArrayBuffer(1 << 20));",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "typed arrays",
    body: "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1));",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "small typed arrays",
    body: "const a = []; for (;;) a.push(new Uint8Array(64));",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "buffers that may grow",
    body: "const a = []; for (;;) a.push(new ArrayBuffer(1 << 20, { maxByteLength: 1 << 24 }));",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "a buffer that would grow",
    body: "return [typeof ArrayBuffer.prototype.resize, typeof ArrayBuffer.prototype.transfer];",
    expected: { kind: "returned", value: ["undefined", "undefined"] },
  },
  {
    name: "closures",
    body: "const a = []; const make = (x) => () => x; for (let i = 0; ; i++) a.push(make([i]));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "classes",
    body: "const a = []; for (;;) a.push(class { static a = [1]; b() {} c() {} });",
    budgets: short,
    expected: stopped,
  },
  {
    name: "generators that are never ended",
    body: "const a = []; function* g() { yield [1]; } for (;;) { const it = g(); it.next(); a.push(it); }",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "promises that nothing settles",
    body: "const a = []; for (;;) a.push(new Promise(() => {}).then(() => 1));",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "microtasks that have microtasks",
    body: "const more = () => { Promise.resolve().then(more); Promise.resolve().then(more); }; more(); await new Promise(() => {});",
    budgets: short,
    expected: stopped,
  },
  {
    name: "awaits that pile up",
    body: "const f = async () => { await null; await new Promise(() => {}); }; for (;;) { f(); f(); await null; }",
    budgets: short,
    expected: stopped,
  },
  { name: "proxies", body: "const a = []; for (;;) a.push(new Proxy({}, {}));", budgets: roomy, expected: memory },
  {
    name: "errors with their stacks",
    body: "const a = []; for (;;) a.push(new Error('x'.repeat(50)).stack);",
    budgets: short,
    expected: stopped,
  },
  {
    name: "captures of a regular expression",
    body: "const a = [], t = 'ab'.repeat(1e4); for (;;) a.push(t.match(/(a)(b)/g));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "regular expressions",
    body: "const a = []; for (let i = 0; ; i++) { const r = new RegExp('x'.repeat(100) + i); r.test('x'); a.push(r); }",
    budgets: short,
    expected: stopped,
  },
  {
    name: "BigInts",
    body: "const a = []; for (let i = 1n; ; i++) a.push(i << 100000n);",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "dates",
    body: "const a = []; for (let i = 0; ; i++) a.push(new Date(i));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "addresses",
    body: "const a = []; for (;;) a.push(new URL('https://a.example/?a=1'));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "headers",
    body: "const a = []; for (;;) a.push(new Headers({ a: 'b' }));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "clones",
    body: "const a = []; for (;;) a.push(structuredClone(new Array(1e4).fill(1)));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "encoded texts",
    body: "const a = []; for (;;) a.push(new TextEncoder().encode('x'.repeat(1e5)));",
    budgets: short,
    expected: stopped,
  },
  {
    name: "answers of the host that are kept",
    body: 'const a = []; for (let i = 0; i < 20; i++) a.push(await (await fetch("https://a.example/")).text()); return a.map((t) => t.length).reduce((x, y) => x + y) + [...a.join("")].length;',
    host: "long",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "memory that is taken over many turns",
    waits: true,
    body: "const a = []; for (;;) { for (let i = 0; i < 100; i++) a.push(new Array(1e3).fill({})); await new Promise((r) => setTimeout(r, 1)); }",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "Intl's objects over many turns",
    waits: true,
    body: "const a = []; for (;;) { for (let i = 0; i < 40; i++) a.push(new Intl.DateTimeFormat('de', { dateStyle: 'full', timeZone: 'Europe/Berlin' })); await new Promise((r) => setTimeout(r, 1)); }",
    budgets: { cpuMs: 4000, wallMs: 5000 },
    expected: { kind: ["out-of-memory", "cpu-exceeded"] },
  },
  {
    name: "memory at the top level",
    source: "const a = []; for (;;) a.push(new Array(1e4).fill(1)); export default () => 1;",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "memory in a getter of the result",
    body: "return { get a() { const a = []; for (;;) a.push(new Array(1e4).fill(1)); } };",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "memory in an unheard rejection's message",
    body: "Promise.reject({ get message() { const a = []; for (;;) a.push(new Array(1e4).fill(1)); } }); return 1;",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "a message that is longer than the memory",
    body: "Promise.reject(new Error('x'.repeat(2 ** 29 - 30))); return 1;",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "a log line that is longer than the memory",
    body: "console.log('x'.repeat(2 ** 29 - 30), 1); return 1;",
    budgets: roomy,
    expected: memory,
  },
  {
    name: "a result that is longer than the memory",
    body: "return 'x'.repeat(2 ** 29 - 30);",
    budgets: roomy,
    expected: memory,
  },
  { name: "garbage without end", body: "for (;;) new Array(1e5).fill(1);", expected: { kind: "cpu-exceeded" } },
  {
    name: "buffers that are garbage",
    body: "for (;;) new Uint8Array(1 << 22).fill(1);",
    expected: { kind: "cpu-exceeded" },
  },
  {
    name: "a crowd that each use what they may and wait",
    body: "const a = []; for (let i = 0; i < 3000; i++) a.push(new Array(1e3).fill(i)); await new Promise((r) => setTimeout(r, 400)); return a.length;",
    budgets: { memoryBytes: 64 << 20, cpuMs: 2000, wallMs: 20_000 },
    crowd: 24,
    expected: { kind: "returned", value: 3000 },
  },
];

/** Memory that is taken without end. */
export const memoryBombs = casesOf("memory", texts);
