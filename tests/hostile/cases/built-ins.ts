// Past 250 lines: one table of data.
import { type CaseText, casesOf } from "../hostile-case.ts";

const cpu = { kind: "cpu-exceeded" } as const;
const stopped = { kind: ["cpu-exceeded", "out-of-memory"] } as const;
/** As long as an array-like may be. */
const like = "{ length: 2 ** 53 - 1 }";

const texts: CaseText[] = [
  { name: "includes over an array-like", body: `Array.prototype.includes.call(${like}, 1);`, expected: cpu },
  { name: "indexOf over an array-like", body: `Array.prototype.indexOf.call(${like}, 1);`, expected: cpu },
  { name: "lastIndexOf over an array-like", body: `Array.prototype.lastIndexOf.call(${like}, 1);`, expected: cpu },
  {
    name: "find over an array-like, with a native callback",
    body: `Array.prototype.find.call(${like}, Boolean);`,
    expected: cpu,
  },
  { name: "reverse of an array-like", body: `Array.prototype.reverse.call(${like});`, expected: cpu },
  { name: "shift of an array-like", body: `Array.prototype.shift.call(${like});`, expected: cpu },
  {
    name: "unshift of an array-like",
    body: "Array.prototype.unshift.call({ length: 2 ** 53 - 3 }, 1);",
    expected: cpu,
  },
  { name: "splice of an array-like", body: `Array.prototype.splice.call(${like}, 0, 1);`, expected: cpu },
  { name: "copyWithin an array-like", body: `Array.prototype.copyWithin.call(${like}, 0, 5);`, expected: cpu },
  { name: "forEach over an array-like", body: `Array.prototype.forEach.call(${like}, Boolean);`, expected: cpu },
  { name: "every of an array-like", body: `Array.prototype.every.call(${like}, Boolean);`, expected: cpu },
  {
    name: "reduceRight over an array-like",
    body: `Array.prototype.reduceRight.call(${like}, Math.max, 0);`,
    expected: cpu,
  },
  { name: "join of an array-like", body: `Array.prototype.join.call(${like}, "");`, expected: { kind: "threw" } },
  { name: "fill of an array-like", body: `Array.prototype.fill.call(${like}, 1);`, expected: stopped },
  {
    name: "toSorted of an array-like",
    body: "Array.prototype.toSorted.call({ length: 2 ** 32 - 1 });",
    expected: stopped,
  },
  {
    name: "toReversed of an array-like",
    body: "Array.prototype.toReversed.call({ length: 2 ** 32 - 1 });",
    expected: stopped,
  },
  { name: "slice of an array-like", body: `Array.prototype.slice.call(${like}, 0, 2 ** 32 - 1);`, expected: stopped },
  {
    name: "concat of what says that it is an array",
    body: "[].concat({ length: 2 ** 32 - 2, [Symbol.isConcatSpreadable]: true }).length;",
    expected: stopped,
  },
  { name: "flat of an array-like", body: `Array.prototype.flat.call(${like});`, expected: cpu },
  { name: "the longest array, filled", body: "new Array(2 ** 32 - 2).fill(0);", expected: stopped },
  { name: "the longest array, joined", body: "new Array(2 ** 32 - 2).join('x');", expected: { kind: "threw" } },
  {
    name: "the longest array, with holes, sorted",
    body: "const a = []; a[2 ** 32 - 2] = 1; a.sort();",
    expected: stopped,
  },
  {
    name: "the longest array, with holes, searched",
    body: "const a = []; a[2 ** 32 - 2] = 1; return a.includes(2);",
    expected: { kind: "returned", value: false },
  },
  {
    name: "the longest array, reversed",
    body: "const a = []; a.length = 2 ** 32 - 1; a[0] = 1; a.reverse();",
    expected: stopped,
  },
  { name: "the longest array, spread", body: "[...new Array(2 ** 32 - 1)];", expected: stopped },
  { name: "the longest array, spread into a call", body: "Math.max(...new Array(2 ** 28));", expected: stopped },
  { name: "the longest array, applied", body: "Math.max.apply(null, { length: 2 ** 25 });", expected: stopped },
  { name: "the longest array by its length", body: "Array.from({ length: 2 ** 32 - 1 });", expected: stopped },
  {
    name: "an array joined into more than there is",
    body: "new Array(2 ** 27).fill({}).join();",
    budgets: { cpuMs: 400 },
    expected: stopped,
  },
  {
    name: "an array sorted by its texts",
    body: "const a = Array.from({ length: 1e5 }, (_, i) => i * 7919 % 100003); for (;;) { a.sort(); a.reverse(); }",
    expected: stopped,
  },
  {
    name: "the longest text",
    body: "const t = 'x'.repeat(2 ** 29 - 24); return t.charCodeAt(5) + (t + 'y').indexOf('z');",
    expected: stopped,
  },
  {
    name: "the longest text, searched",
    body: "const t = 'ab'.repeat(1e6) + 'c'; for (;;) t.lastIndexOf('ab'.repeat(5e4) + 'd');",
    expected: stopped,
  },
  {
    name: "the longest text, padded",
    body: "'x'.padStart(2 ** 29 - 24, 'yz').charCodeAt(0) + 'x'.padEnd(2 ** 29 - 24).trimEnd().length;",
    expected: stopped,
  },
  { name: "the longest text, split", body: "'x'.repeat(2 ** 28).split('');", expected: stopped },
  {
    name: "a text that is normalised",
    body: "const t = '\\u1e9b\\u0323'.repeat(3e5); for (;;) { t.normalize('NFKD'); }",
    expected: stopped,
  },
  {
    name: "a text in upper case",
    body: "const t = '\\u00df'.repeat(1e6); for (;;) t.toUpperCase();",
    expected: stopped,
  },
  {
    name: "a text compared in another language",
    body: "const t = '\\u00e4'.repeat(5e5); for (;;) (t + 'a').localeCompare(t + 'b', 'de');",
    expected: stopped,
  },
  {
    name: "a text escaped",
    body: "const t = '\\u00e4'.repeat(5e5); for (;;) encodeURIComponent(t);",
    expected: stopped,
  },
  {
    name: "a text unescaped",
    body: "const t = '%F0%9F%98%80'.repeat(1e5); for (;;) decodeURIComponent(t);",
    expected: stopped,
  },
  {
    name: "a text made well-formed",
    body: "const t = '\\ud800'.repeat(1e6); for (;;) t.toWellFormed();",
    expected: stopped,
  },
  {
    name: "replaceAll into more than there is",
    body: "'x'.repeat(2 ** 16).replaceAll('x', 'y'.repeat(2 ** 16));",
    expected: { kind: "threw" },
  },
  { name: "String.raw of an endless template", body: `String.raw({ raw: ${like} });`, expected: stopped },
  { name: "the power of a BigInt", body: "2n ** (2n ** 24n); 3n ** (2n ** 24n);", expected: stopped },
  { name: "the shift of a BigInt", body: "for (;;) (1n << (2n ** 26n)) - 1n;", expected: stopped },
  { name: "the product of BigInts", body: "const a = (1n << 4000000n) - 1n; for (;;) a * a;", expected: stopped },
  {
    name: "the quotient of BigInts",
    body: "const a = (1n << 4000000n) - 1n, b = (1n << 2000000n) - 3n; for (;;) a / b;",
    expected: stopped,
  },
  { name: "a BigInt of a long text", body: "BigInt('9'.repeat(3_000_000));", expected: stopped },
  { name: "a BigInt as a long text", body: "((1n << 8000000n) - 1n).toString();", expected: stopped },
  {
    name: "JSON of a wide thing",
    body: "const a = new Array(1e3).fill('x'.repeat(1e3)), b = new Array(1e3).fill(a); JSON.stringify(new Array(1e3).fill(b));",
    expected: stopped,
  },
  {
    name: "JSON with the widest margins",
    body: "let a = 1; for (let i = 0; i < 3000; i++) a = [a, a && 1]; for (;;) JSON.stringify(a, null, 10);",
    expected: stopped,
  },
  {
    name: "JSON of a deep text",
    body: "const t = '['.repeat(2e6) + ']'.repeat(2e6); for (;;) JSON.parse(t);",
    expected: stopped,
  },
  {
    name: "JSON that sorts out keys",
    body: "const keys = Array.from({ length: 2e4 }, (_, i) => 'k' + i); for (;;) JSON.stringify({ a: 1 }, keys);",
    expected: stopped,
  },
  {
    name: "a typed array sorted",
    body: "const a = new Float64Array(5e5); for (;;) { a.forEach((_, i) => { a[i] = -i; }); a.sort(); }",
    expected: stopped,
  },
  { name: "typed arrays joined", body: "const a = new Uint8Array(4 << 20); for (;;) a.join();", expected: stopped },
  {
    name: "a typed array over the whole memory",
    body: "new Float64Array(2 ** 32);",
    expected: { kind: "out-of-memory" },
  },
  {
    name: "a typed array from an array-like",
    body: "Uint8Array.from({ length: 2 ** 32 });",
    expected: stopped,
  },
  {
    name: "a buffer that reserves to grow",
    body: "const a = []; for (;;) a.push(new ArrayBuffer(0, { maxByteLength: 2 ** 33 }));",
    expected: stopped,
  },
  {
    name: "a buffer that is sliced",
    body: "const a = new ArrayBuffer(4 << 20); for (;;) a.slice(0);",
    expected: stopped,
  },
  {
    name: "a regular expression that is long to compile",
    body: "for (let i = 0; ; i++) new RegExp(`(?:${'a?'.repeat(2e4)}){1,100}${i}`).test('a');",
    expected: { kind: "threw" },
  },
  {
    name: "a regular expression of nested counts",
    body: "new RegExp('^' + '(?:'.repeat(5) + 'a' + '{1,9})'.repeat(5) + '$').test('a'.repeat(60) + 'b');",
    expected: cpu,
  },
  {
    name: "a regular expression nested without end",
    body: "for (;;) try { new RegExp('('.repeat(1e6)) } catch {}",
    expected: stopped,
  },
  {
    name: "a regular expression of Unicode's classes",
    body: "for (let i = 0; ; i++) new RegExp(`[\\\\p{L}--[a-z${i}]]+`.repeat(20), 'vi').test('\\u00e4');",
    expected: stopped,
  },
  {
    name: "every match of a long text",
    body: "for (;;) [...'a'.repeat(1e5).matchAll(/(a)(a)?/g)];",
    expected: stopped,
  },
  {
    name: "captures without end",
    body: "const t = 'a'.repeat(1e4), r = new RegExp('(a)'.repeat(1e4)), all = []; for (;;) all.push(r.exec(t));",
    expected: { kind: "threw" },
  },
  {
    name: "formatters of Intl's that are kept",
    body: "const a = []; for (;;) a.push(new Intl.DateTimeFormat('de', { dateStyle: 'full' }));",
    expected: stopped,
  },
  {
    name: "Intl's collators",
    body: "const a = []; for (let i = 0; ; i++) a.push(new Intl.Collator('de', { numeric: i % 2 === 0 }));",
    expected: stopped,
  },
  {
    name: "Intl's segments",
    body: "const s = new Intl.Segmenter('th', { granularity: 'word' }); const t = '\\u0e01'.repeat(1e5); for (;;) [...s.segment(t)];",
    expected: stopped,
  },
  {
    name: "Intl's lists",
    body: "new Intl.ListFormat('en').format(new Array(1e6).fill('x'.repeat(100)));",
    expected: stopped,
  },
  {
    name: "Intl's numbers",
    body: "for (;;) new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' }).format(10n ** 5000n);",
    expected: stopped,
  },
  {
    name: "a clone of a wide thing",
    body: "const a = Array.from({ length: 1e5 }, () => ({})), all = []; for (;;) all.push(structuredClone(a));",
    expected: stopped,
  },
  {
    name: "stacks as deep as they go",
    body: "Error.stackTraceLimit = Infinity; const all = []; const f = (n) => { if (n === 0) all.push(new Error('x')); else f(n - 1); }; for (;;) f(2000);",
    expected: stopped,
  },
  {
    name: "stacks of frames with long names",
    body: "Error.stackTraceLimit = 1e9; const f = { ['x'.repeat(1e6)]() { return new Error('e').stack; } }; const all = []; for (;;) all.push(Object.values(f)[0]());",
    expected: stopped,
  },
  {
    name: "an object frozen with all it has",
    body: "const o = {}; for (let i = 0; i < 1e5; i++) o['k' + i] = i; for (;;) { Object.freeze({ ...o }); }",
    expected: stopped,
  },
  {
    name: "own keys of a wide text",
    body: "for (;;) Object.getOwnPropertyNames(new String('x'.repeat(1e6)));",
    expected: stopped,
  },
  {
    name: "assigning from a long text",
    body: "const all = []; for (;;) all.push({ ...'x'.repeat(1e6) });",
    expected: stopped,
  },
  {
    name: "a bound function of bound functions",
    body: "let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null, 1); for (;;) try { f() } catch {}",
    expected: stopped,
  },
  {
    name: "a chain of prototypes",
    body: "let o = {}; for (let i = 0; i < 1e5; i++) o = Object.create(o); for (;;) o.missing;",
    expected: stopped,
  },
  {
    name: "Array.fromAsync without end",
    body: "await Array.fromAsync({ [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 1 }) }) });",
    expected: stopped,
  },
  {
    name: "a million promises at once",
    body: "await Promise.all(Array.from({ length: 1e6 }, () => Promise.resolve(1)));",
    expected: stopped,
  },
];

/** Work and memory inside V8's own functions, where no limit of isolated-vm looks. */
export const builtIns = casesOf("built-ins", texts);
