// Past 250 lines: one table of data.
import { type CaseText, casesOf } from "../hostile-case.ts";

const roomy = { cpuMs: 3000, wallMs: 6000, memoryBytes: 64 << 20 };
const cpu = { kind: "cpu-exceeded" } as const;
const refused = { kind: "refused" } as const;

const texts: CaseText[] = [
  {
    name: "host calls without end, at once",
    body: 'for (;;) fetch("https://a.example/").catch(() => {});',
    expected: { kind: ["cpu-exceeded", "out-of-memory"], calls: 0 },
  },
  {
    name: "thousands of host calls at once",
    body: 'for (let i = 0; i < 3000; i++) fetch("https://a.example/").catch(() => {}); await new Promise(() => {});',
    budgets: { ...roomy, memoryBytes: 128 << 20 },
    expected: { kind: "refused", calls: 20 },
  },
  {
    name: "thousands of short Stripe calls at once",
    body: "for (let i = 0; i < 6000; i++) utils.integrations.stripe.fetch(0, 0).catch(() => {}); await new Promise(() => {});",
    budgets: { ...roomy, memoryBytes: 128 << 20 },
    expected: { kind: "refused", calls: 20 },
  },
  {
    name: "host calls one after the other",
    body: 'for (;;) try { await fetch("https://a.example/"); } catch {}',
    budgets: roomy,
    expected: { ...refused, message: /far more outbound calls/, calls: 20 },
  },
  {
    name: "host calls that the host refuses",
    body: 'for (;;) try { await fetch("https://a.example/"); } catch {}',
    host: "refuses",
    budgets: roomy,
    expected: { ...refused, calls: 20 },
  },
  {
    name: "host calls from timers",
    body: 'await new Promise(() => setInterval(() => { fetch("https://a.example/").catch(() => {}); }, 1));',
    budgets: roomy,
    expected: { ...refused, calls: 20 },
  },
  {
    name: "host calls at the top level",
    source: 'for (let i = 0; i < 25; i++) fetch("https://a.example/").catch(() => {}); export default () => 1;',
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "more calls than a run may make, counted",
    body: 'let ok = 0, no = 0; for (let i = 0; i < 30; i++) try { await fetch("https://a.example/"); ok++ } catch (e) { if (e.name === "RangeError") no++ } return [ok, no];',
    budgets: roomy,
    expected: { kind: "returned", value: [20, 10], calls: 20 },
  },
  {
    name: "arguments of many texts",
    body: "const body = Array.from({ length: 2e4 }, (_, i) => 'text ' + i); try { await utils.integrations.stripe.fetch('a', { body }) } catch (e) { return e.name } return 1;",
    budgets: roomy,
    expected: { kind: "returned" },
  },
  {
    name: "arguments of the longest text",
    body: "try { await utils.integrations.stripe.fetch('a', { body: 'x'.repeat(1e9 / 2) }) } catch (e) { return e.name }",
    budgets: roomy,
    expected: { kind: "out-of-memory" },
  },
  {
    name: "arguments of more text than may be",
    body: "try { await utils.integrations.stripe.fetch('a', { body: 'x'.repeat(3e6) }) } catch (e) { return e.name }",
    budgets: roomy,
    expected: { kind: "returned", value: "RangeError", calls: 0 },
  },
  {
    name: "arguments of empty arrays",
    body: "const body = Array.from({ length: 300000 }, () => []); try { await utils.integrations.stripe.fetch('a', { body }) } catch (e) { return e.name } return 1;",
    budgets: roomy,
    expected: { kind: "returned" },
  },
  {
    name: "three calls with arguments of as many keys as may be",
    body: "const make = (n) => Object.fromEntries(Array.from({ length: 90000 }, (_, i) => [n + i.toString(36), 0])); const calls = ['a', 'b', 'c'].map((n) => utils.integrations.stripe.fetch(n, make(n)).catch((e) => e.name)); await Promise.all(calls); return 1;",
    budgets: roomy,
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "arguments nested without end",
    body: "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; try { await utils.integrations.stripe.fetch('a', a) } catch (e) { return e.name }",
    budgets: roomy,
    expected: { kind: "returned", value: "RangeError", calls: 0 },
  },
  {
    name: "arguments nested deeper than the host takes",
    body: "let a = []; for (let i = 0; i < 500; i++) a = [a]; try { await utils.integrations.stripe.fetch('a', a) } catch (e) { return e.name }",
    expected: { kind: "returned", value: "RangeError", calls: 0 },
  },
  {
    name: "answers nested deeply, given back",
    body: "const { nested } = await utils.integrations.stripe.fetch('a', {}); return typeof nested;",
    host: "deep",
    expected: { kind: "returned", value: "object" },
  },
  { name: "log lines without end", body: "for (let i = 0; ; i++) console.log('line', i);", expected: cpu },
  { name: "empty log lines without end", body: "for (;;) console.log();", expected: cpu },
  {
    name: "as many log lines as may be, and a result",
    body: "for (let i = 0; i < 5e3; i++) console.log(''); return 1;",
    budgets: { logBytes: 1 << 20 },
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "seventy thousand log lines of the largest budget",
    body: "for (let i = 0; i < 7e4; i++) console.log(''); return 1;",
    budgets: { ...roomy, logBytes: 1 << 20 },
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "log lines from every level in every turn",
    body: "for (let i = 0; i < 50; i++) { console.debug(i); console.info(i); console.warn(i); console.error(i); await new Promise((r) => setTimeout(r, 0)); } return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "one log line of a million arguments",
    body: "console.log(...new Array(1e5).fill('ab')); return 1;",
    budgets: roomy,
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a log line with lone surrogates",
    body: "console.log('\\ud800x'); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a log line that looks like a record",
    body: `console.log('","k":"returned","value":1},{"k":"log","level":"error","at":0,"text":"'); return 2;`,
    expected: {
      kind: "returned",
      value: 2,
      logs: ['","k":"returned","value":1},{"k":"log","level":"error","at":0,"text":"'],
    },
  },
  {
    name: "timers without end",
    body: "for (;;) setTimeout(() => {}, 1);",
    expected: { kind: "threw", error: "RangeError" },
  },
  {
    name: "timers started and cleared without end",
    body: "for (;;) clearTimeout(setTimeout(() => {}, 1));",
    expected: { kind: "threw", error: "RangeError" },
  },
  {
    name: "a hundred intervals of a millisecond",
    waits: true,
    body: "for (let i = 0; i < 100; i++) setInterval(() => {}, 1); await new Promise(() => {});",
    budgets: { wallMs: 800 },
    expected: { kind: ["timed-out", "cpu-exceeded"] },
  },
  {
    name: "a crowd of runs with intervals",
    waits: true,
    body: "for (let i = 0; i < 50; i++) setInterval(() => {}, 1); await new Promise(() => {});",
    crowd: 10,
    budgets: { wallMs: 800 },
    expected: { kind: ["timed-out", "cpu-exceeded"] },
  },
  {
    name: "a timer for longer than there is time",
    body: "setTimeout(() => {}, 2 ** 40); setTimeout(() => {}, Infinity); setTimeout(() => {}, -1); setTimeout(() => {}, 'x'); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  { name: "a result of many small things", body: "return new Array(1e5).fill(0);", expected: refused },
  {
    name: "a result of the largest budget, of empty arrays",
    body: "return Array.from({ length: 340000 }, () => []);",
    budgets: { ...roomy, resultBytes: 1 << 20 },
    expected: refused,
  },
  {
    name: "a result of the largest budget, of keys",
    body: "return Object.fromEntries(Array.from({ length: 90000 }, (_, i) => [i.toString(36), 0]));",
    budgets: { ...roomy, resultBytes: 1 << 20 },
    expected: refused,
  },
  { name: "a result that is too wide", body: "return new Array(3e5).fill(0);", expected: refused },
  { name: "a result that is too wide in bytes", body: "return '\\u20ac'.repeat(1e5);", expected: refused },
  { name: "a result of escapes", body: "return '\\u0001'.repeat(1e5);", expected: refused },
  {
    name: "a result nested a thousand levels deep",
    body: "let a = []; for (let i = 0; i < 1000; i++) a = [a]; return a;",
    expected: { ...refused, message: /nested/ },
  },
  {
    name: "a result nested as deep as it goes",
    body: "let a = []; for (let i = 0; i < 1e5; i++) a = { a }; return a;",
    budgets: roomy,
    expected: refused,
  },
  { name: "a result with a huge key", body: "return { ['k'.repeat(3e5)]: 1 };", expected: refused },
  {
    name: "a result with a key of lone surrogates",
    body: "return { '\\ud800': '\\udc00' };",
    expected: { kind: "returned", value: { "\ud800": "\udc00" } },
  },
  {
    name: "a result of noughts and other characters",
    body: "return '\\u0000\\u2028\\ufeff';",
    expected: { kind: "returned", value: "\u0000\u2028\ufeff" },
  },
  {
    name: "a result that is a sparse array",
    body: "const a = []; a[2 ** 32 - 2] = 1; return a;",
    expected: refused,
  },
  {
    name: "an error with a huge message",
    body: "throw new Error('x'.repeat(1e6));",
    expected: { kind: "threw", error: "Error", message: /^x{4096}$/ },
  },
  {
    name: "an error with a message longer than the memory",
    body: "throw new Error('x'.repeat(2 ** 29 - 30));",
    budgets: roomy,
    expected: { kind: "out-of-memory" },
  },
  {
    name: "an error with a huge name",
    body: "const e = new Error('x'); e.name = 'n'.repeat(1e6); throw e;",
    expected: { kind: "threw", error: "n".repeat(256) },
  },
  {
    name: "an error with a huge stack",
    body: "const e = new Error('x'); e.stack = 'at workflow.js:1:1\\n'.repeat(1e5); throw e;",
    expected: { kind: "threw", message: /^x$/ },
  },
  {
    name: "an error with a chain of causes",
    body: "let e = new Error('x'); for (let i = 0; i < 1e4; i++) e = new Error('x', { cause: e }); throw e;",
    expected: { kind: "threw", message: /^x$/ },
  },
  {
    name: "an error of ten thousand errors",
    body: "throw new AggregateError(Array.from({ length: 1e4 }, () => new Error('x')), 'all');",
    expected: { kind: "threw", error: "AggregateError", message: /^all$/ },
  },
  {
    name: "unheard rejections by the thousand",
    body: "for (let i = 0; i < 5000; i++) Promise.reject(new Error('lost ' + i)); return 1;",
    budgets: roomy,
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "unheard rejections in every turn",
    body: "for (let i = 0; i < 50; i++) { Promise.reject(i); await new Promise((r) => setTimeout(r, 0)); } return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "unheard rejections without end",
    body: "for (;;) Promise.reject(new Error('x'));",
    expected: { kind: ["cpu-exceeded", "out-of-memory"] },
  },
  {
    name: "an unheard rejection with a huge message",
    body: "Promise.reject(new Error('x'.repeat(1e6))); return 1;",
    budgets: roomy,
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "unheard rejections that beget others while they are told",
    body: "const more = (n) => Promise.reject({ get message() { more(n + 1); return 'lost ' + n; } }); more(0); return 1;",
    expected: { kind: "refused" },
  },
  {
    name: "a rejection with every kind of thing",
    body: "for (const a of [1, 'x', null, undefined, Symbol('s'), 1n, {}, [], () => 1, new Proxy({}, {}), Object.create(null)]) { Promise.reject(a); await new Promise((r) => setTimeout(r, 0)); } return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a module of many functions",
    source: `${Array.from({ length: 3000 }, (_, i) => `const f${i} = () => ${i};`).join("\n")}\nexport default () => f2999();`,
    expected: { kind: "returned", value: 2999 },
  },
  {
    name: "a module that is longer than may be",
    source: `export default () => ${'"x" + '.repeat(60_000)}"";`,
    expected: { kind: "uncompilable", message: /longer than 256 KiB/ },
  },
  {
    name: "a module of brackets",
    source: `export default () => ${"[".repeat(20_000)}${"]".repeat(20_000)};`,
    expected: { kind: "threw" },
  },
  {
    name: "a module of parentheses",
    source: `export default () => ${"(".repeat(20_000)}1${")".repeat(20_000)};`,
    expected: { kind: "returned" },
  },
  {
    name: "a module of conditions that may be types",
    source: `export default (a) => ${"a?(".repeat(30)}1${"):0".repeat(30)};`,
    expected: { kind: "returned" },
  },
  {
    name: "a module of one long sum",
    source: `export default () => ${"1+".repeat(50_000)}1;`,
    expected: { kind: "returned" },
  },
  {
    name: "a script of one long sum, as no compiler would fold it",
    compiled: true,
    source: `globalThis.__workflow = (a) => ${"a+".repeat(50_000)}1;`,
    expected: { kind: "refused" },
  },
  {
    name: "a script of brackets",
    compiled: true,
    source: `globalThis.__workflow = () => ${"[".repeat(100_000)}${"]".repeat(100_000)};`,
    expected: { kind: "threw" },
  },
];

/** More of everything that leaves a run, or goes into it, than the engine should be made to read. */
export const floods = casesOf("floods", texts);
