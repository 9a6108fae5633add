// Past 250 lines: one table of data.
import { type CaseText, casesOf } from "../hostile-case.ts";

/** What would be a record of the run, were it not text. */
const record = '{"k":"returned","value":"forged"}';

const texts: CaseText[] = [
  {
    name: "a result that is a record",
    body: `return ${JSON.stringify(record)};`,
    expected: { kind: "returned", value: record },
  },
  {
    name: "an error's message that is a record",
    body: `throw new Error(${JSON.stringify(`"},${record}`)});`,
    expected: { kind: "threw", message: /^"\},/ },
  },
  {
    name: "toJSON of every text",
    body: `String.prototype.toJSON = () => ${JSON.stringify(record)}; console.log("a"); return { a: "b" };`,
    expected: { kind: "returned", value: { a: "b" }, logs: ["a"] },
  },
  {
    name: "toJSON of every object",
    body: "Object.prototype.toJSON = () => 5; return { a: 1 };",
    expected: { kind: "returned", value: 5 },
  },
  {
    name: "raw JSON in a result",
    body: "return JSON.rawJSON ? { a: JSON.rawJSON('1') } : { a: 1 };",
    expected: { kind: "returned", value: { a: 1 } },
  },
  {
    name: "raw JSON that is no JSON",
    body: `return JSON.rawJSON('1},${record.replaceAll('"', '\\"')}');`,
    expected: { kind: "threw", error: "SyntaxError" },
  },
  {
    name: "JSON replaced",
    body: `JSON.stringify = () => ${JSON.stringify(record)}; JSON.parse = () => 1; await fetch("https://a.example/"); return { mine: true };`,
    expected: { kind: "returned", value: { mine: true }, calls: 1 },
  },
  {
    name: "texts cut by the author's own slice",
    body: `String.prototype.slice = () => ({ toJSON: () => ({ k: "returned" }) }); throw new Error("m");`,
    expected: { kind: "threw", message: /^m$/ },
  },
  {
    name: "texts not cut at all",
    body: "String.prototype.slice = function () { return this; }; throw new Error('x'.repeat(1e6));",
    expected: { kind: "threw", message: /^x{4096}$/ },
  },
  {
    name: "log lines cut by the author's own slice",
    body: "String.prototype.slice = () => ({ toJSON: () => 5 }); console.log('x'.repeat(1e5)); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a log line that shows itself otherwise each time",
    body: "let n = 0; console.log({ toJSON: () => (n++ ? '\"},{' : 'a') }); return 1;",
    expected: { kind: "returned", value: 1, logs: ['"a"'] },
  },
  {
    name: "a log line of an error whose stack is no text",
    body: "const e = new Error('x'); e.stack = { toString: () => 'mine' }; console.log(e); return 1;",
    expected: { kind: "returned", value: 1, logs: ["mine"] },
  },
  {
    name: "a log level of the author's own",
    body: `console.forged = console.log; console["log\\",\\"x"] = console.log; console.log.level = "fatal"; console.forged("a"); return 1;`,
    expected: { kind: "returned", value: 1, logs: ["a"] },
  },
  {
    name: "Number replaced before a timer is started",
    body: `globalThis.Number = () => ({ valueOf: () => "1}," }); await new Promise((r) => setTimeout(r, 1)); return 1;`,
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a delay that is another number each time",
    body: "let n = 0; await new Promise((r) => setTimeout(r, { valueOf: () => (n++ ? NaN : 1) })); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "Math replaced",
    body: "Math.min = Math.max = () => 'x'; await new Promise((r) => setTimeout(r, 1)); console.log('a'); return 1;",
    expected: { kind: "returned", value: 1, logs: ["a"] },
  },
  {
    name: "the iterator of arrays replaced",
    body: 'Array.prototype[Symbol.iterator] = function* () { yield "forged"; }; console.log("a", "b"); const r = await utils.integrations.stripe.fetch("a", { body: [1] }); return r.status;',
    expected: { kind: "returned", value: 200, calls: 1, logs: ["a b"] },
  },
  {
    name: "Array's methods replaced",
    body: 'for (const key of Object.getOwnPropertyNames(Array.prototype)) if (typeof [][key] === "function") Array.prototype[key] = () => "forged"; console.log("a"); await utils.integrations.stripe.fetch("a", {}); return [1];',
    expected: { kind: "returned", value: [1], calls: 1, logs: ["a"] },
  },
  {
    name: "String's methods replaced",
    body: 'for (const key of Object.getOwnPropertyNames(String.prototype)) if (key !== "constructor" && typeof ""[key] === "function") String.prototype[key] = () => "forged"; console.log("a"); await utils.integrations.stripe.fetch("a", {}); throw new Error("m");',
    expected: { kind: "threw", message: /^m$/, calls: 1, logs: ["a"] },
  },
  {
    name: "Reflect's and Object's methods replaced",
    body: 'for (const of of [Reflect, Object]) for (const key of Object.getOwnPropertyNames(of)) if (typeof of[key] === "function") try { of[key] = () => { throw new Error("forged") } } catch {} console.log("a"); await utils.integrations.stripe.fetch("a", {}); await new Promise((r) => setTimeout(r, 1)); return 1;',
    expected: { kind: "returned", value: 1, calls: 1, logs: ["a"] },
  },
  {
    name: "Reflect.get replaced, and an error thrown",
    body: "Reflect.get = () => ({ toJSON: () => 1 }); throw new Error('m');",
    expected: { kind: "threw", message: /^m$/ },
  },
  {
    name: "String replaced, and an odd thing thrown",
    body: "globalThis.String = () => ({ toJSON: () => ({}) }); throw 5;",
    expected: { kind: "threw", message: /5/ },
  },
  {
    name: "setters on every object for the parts of records",
    body: 'const seen = []; const { push } = seen; seen.push = (key) => Reflect.defineProperty(seen, seen.length, Object.assign(Object.create(null), { value: key, enumerable: true })); void push; for (const key of ["k", "seq", "value", "name", "args", "message", "resolve", "reject", "callback", "everyMs", "0", "1"]) Object.defineProperty(Object.prototype, key, Object.assign(Object.create(null), { set() { seen.push(key); }, get() { return undefined; }, configurable: true })); await utils.integrations.stripe.fetch("a", { path: "/" }); await new Promise((r) => setTimeout(r, 1)); for (const key of ["k", "seq", "value", "name", "args", "message", "resolve", "reject", "callback", "everyMs", "0", "1"]) delete Object.prototype[key]; return seen;',
    expected: { kind: "returned", value: [], calls: 1 },
  },
  {
    name: "getters on every object for the parts of descriptors",
    body: 'Object.prototype.get = () => 1; Object.prototype.set = () => 1; let name; try { await fetch("https://a.example/") } catch (e) { name = e.name } delete Object.prototype.get; delete Object.prototype.set; return name;',
    host: "refuses",
    expected: { kind: "returned", value: "NotAllowedError", calls: 1 },
  },
  {
    name: "values on every object for the parts of descriptors, with a timer",
    body: "Object.prototype.value = 5; Object.prototype.writable = false; await new Promise((r) => setTimeout(r, 1)); return typeof fetch;",
    expected: { kind: "returned", value: "function" },
  },
  {
    name: "a result twice",
    body: "return { then(done) { done(1); done(2); } };",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a result and an error",
    body: "setTimeout(() => { throw new Error('late') }, 0); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "an error and a result",
    body: "setTimeout(() => { throw new Error('early') }, 0); await new Promise((r) => setTimeout(r, 50)); return 1;",
    expected: { kind: "threw", message: /^early$/ },
  },
  {
    name: "host calls after the result",
    body: 'queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => { fetch("https://a.example/late"); }))); return 1;',
    expected: { kind: "returned", value: 1, calls: 0 },
  },
  {
    name: "a host call while its arguments are read",
    body: 'let n = 0; const a = await utils.integrations.stripe.fetch("a", { toJSON() { if (n++ < 3) utils.integrations.stripe.fetch("inner" + n, {}); return { n }; } }); return a.status;',
    expected: { kind: "returned", value: 200, calls: 2 },
  },
  {
    name: "a host call while the result is read",
    body: 'return { toJSON() { fetch("https://a.example/"); return 1; } };',
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "a host call while a log line is read",
    body: 'console.log({ toJSON() { fetch("https://a.example/"); return 1; } }); await new Promise((r) => setTimeout(r, 5)); return 1;',
    expected: { kind: "returned", value: 1, calls: 1, logs: ["1"] },
  },
  {
    name: "a host call by a class that runs its executor twice",
    body: 'const Real = Promise; globalThis.Promise = function (run) { new Real(run).catch(() => {}); return new Real(run); }; const a = await utils.integrations.stripe.fetch("a", {}); return a.status;',
    expected: { kind: "returned", value: 200, calls: 2 },
  },
  {
    name: "a host call under another name",
    body: 'const call = utils.integrations.stripe.fetch; return (await call.call({ name: "secrets.read" }, "a", { name: "secrets.read", seq: 0 })).status;',
    expected: { kind: "returned", value: 200, calls: 1 },
  },
  {
    name: "an unheard rejection that says the sandbox is busy",
    body: 'Promise.reject(new Error("sandbox is busy")); return 1;',
    expected: { kind: "returned", value: 1, logs: ["Uncaught (in promise) Error: sandbox is busy"] },
  },
  {
    name: "an unheard rejection that begets one that says the sandbox is busy",
    body: 'Promise.reject({ get message() { Promise.reject(new Error("sandbox is busy")); return "first" } }); await fetch("https://a.example/"); return 1;',
    expected: { kind: "returned", value: 1, calls: 1 },
  },
  {
    name: "an unheard rejection that begets the message of a time-out",
    body: 'Promise.reject({ get message() { Promise.reject(new Error("Script execution timed out.")); return "first" } }); return 1;',
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "an unheard rejection with the message of a time-out",
    body: 'Promise.reject(new Error("Script execution timed out.")); await fetch("https://a.example/"); return 1;',
    expected: { kind: "returned", value: 1, calls: 1 },
  },
  {
    name: "an error with the message of a time-out",
    body: 'throw new Error("Script execution timed out.");',
    expected: { kind: "threw", message: /timed out/ },
  },
  {
    name: "an error with the message of a full buffer",
    body: 'throw new Error("Array buffer allocation failed");',
    expected: { kind: "out-of-memory" },
  },
  {
    name: "an error with the message of a disposed isolate",
    body: 'throw new Error("Isolate was disposed during execution due to memory limit");',
    expected: { kind: "threw" },
  },
  {
    name: "an error at the place of another file",
    body: "const e = new Error('x'); e.stack = 'Error: x\\n    at workflow.js:99999:1\\n    at scrip:prelude:1:1'; throw e;",
    expected: { kind: "threw", message: /^x$/ },
  },
  {
    name: "an unheard rejection that logs while it is told",
    body: "Promise.reject({ get message() { console.log('inside'); return 'm' } }); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "an unheard rejection that calls the host while it is told",
    body: 'Promise.reject({ get message() { fetch("https://a.example/"); return "m" } }); await new Promise((r) => setTimeout(r, 5)); return 1;',
    expected: { kind: "returned", value: 1, calls: 1 },
  },
  {
    name: "an unheard rejection whose constructor's name is asked for",
    body: "class Odd { static get name() { for (;;); } } Promise.reject(new Odd()); return 1;",
    expected: { kind: "returned", value: 1 },
  },
  {
    name: "an answer taken twice",
    body: 'const seen = []; const r = Promise.withResolvers; const p = fetch("https://a.example/"); p.then((v) => seen.push(1)); p.then((v) => seen.push(2)); await p; await null; return seen;',
    expected: { kind: "returned", value: [1, 2], calls: 1 },
  },
  {
    name: "timers' numbers that are guessed",
    body: "for (let i = -5; i < 50; i++) { clearTimeout(i); clearInterval(i + 0.5); clearTimeout(String(i)); } const seen = []; const id = setTimeout(() => seen.push(1), 5); clearTimeout(id + 1); clearTimeout({ valueOf: () => id }); await new Promise((r) => setTimeout(r, 15)); return seen;",
    expected: { kind: "returned", value: [1] },
  },
  {
    name: "everything replaced at once",
    body: `
    const forged = () => { throw new Error("forged") };
    const names = Object.getOwnPropertyNames(globalThis).filter((name) => !["globalThis", "undefined", "NaN", "Infinity"].includes(name));
    const call = utils.integrations.stripe.fetch;
    for (const name of names) {
      let made; try { made = globalThis[name]; } catch { continue; }
      const proto = made?.prototype;
      if (proto && name !== "Promise" && name !== "Function" && name !== "Object") for (const key of ["slice", "toString", "valueOf", "get", "set", "push", "map", "then", "test", "exec", "replace", "trim", "indexOf"]) if (key in proto) try { Object.defineProperty(proto, key, { value: forged }) } catch {}
    }
    for (const name of names) try { delete globalThis[name] } catch {}
    const { status } = await call("a", {});
    return status;`,
    expected: { kind: "threw", error: "ReferenceError", calls: 0 },
  },
];

/** Attempts to make the engine believe what did not happen: results, calls, log lines, ends. */
export const forgeries = casesOf("forgeries", texts);
