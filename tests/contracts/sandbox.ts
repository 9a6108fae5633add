// Past 250 lines: one contract, which every sandbox passes whole; its families stand one after another.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import type {
  HostAnswer,
  HostCall,
  HostCallHandler,
  Sandbox,
  SandboxModule,
  SandboxRun,
} from "../../engine/sandbox.ts";
import type { Json } from "../../schemas/json.ts";
import { type Budgets, defaultBudgets } from "../../schemas/workflow.ts";

/** Budgets small enough for tests of what breaks them. */
export const smallBudgets: Budgets = { ...defaultBudgets, wallMs: 5000, cpuMs: 150, memoryBytes: 16 << 20 };

/** Compiles a source that is known to be right. */
export async function moduleOf(source: string): Promise<SandboxModule> {
  const compilation = await compileWorkflow(source);
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  return compilation.workflow;
}

/** A host that answers every call with what `answer` makes of it, and keeps the calls. */
export function recordingHost(answer: (call: HostCall) => HostAnswer | Promise<HostAnswer>) {
  const calls: HostCall[] = [];
  const handler: HostCallHandler = async (call) => {
    calls.push(call);
    return answer(call);
  };
  return { calls, handler };
}

/** What a test may vary of a run. */
export type RunOptions = {
  input?: Json;
  host?: HostCallHandler;
  budgets?: Partial<Budgets>;
  tenant?: string;
  signal?: AbortSignal;
};

/** Compiles and runs a source once, each time as a tenant of its own unless told otherwise. */
export async function runSource(sandbox: Sandbox, source: string, options: RunOptions = {}): Promise<SandboxRun> {
  const module = await moduleOf(source);
  const { input = {}, host = recordingHost(() => ({ ok: true, value: null })).handler, signal } = options;
  const budgets = { ...smallBudgets, ...options.budgets };
  const job = { runId: randomUUID(), tenant: options.tenant ?? randomUUID(), module, input, budgets };
  return sandbox.run(signal ? { ...job, signal } : job, host);
}

const response = (body: string, status = 200): HostAnswer => ({
  ok: true,
  value: { status, statusText: "", url: "https://api.example/", headers: { "content-type": "application/json" }, body },
});

const seed = readFileSync(join(import.meta.dirname, "../../workflows/stripe-checkout.wf.ts"), "utf8");
const seedInput = (userType: string) => ({
  identity: { userType, identifier: "reader-1" },
  offer: { token: "t.o.k", redemption: { accountId: "acct_1", instructions: { mode: "payment", line_items: [] } } },
});

/**
 * What a sandbox cannot show here. `limits`: its bounds of CPU time and memory are its own, or those of a platform that does
 * not enforce them on this machine, where a loop without end would stop the whole runtime. `clock`: it tells CPU time as
 * fine as it is, or in whole milliseconds.
 */
export type SandboxTraits = { limits: "its own" | "of the platform"; clock: "fine" | "coarse" };

/** The suite that every sandbox passes. What only a platform's own limits stop is skipped where the traits say so. */
export function describeSandbox(
  name: string,
  create: () => Sandbox | Promise<Sandbox>,
  { limits, clock }: SandboxTraits = { limits: "its own", clock: "fine" },
): void {
  const itsOwnLimits = limits === "its own";
  describe(`${name} keeps the sandbox contract`, () => {
    let sandbox: Sandbox;
    const run = (source: string, options?: RunOptions) => runSource(sandbox, source, options);

    beforeAll(async () => {
      sandbox = await create();
      await vi.waitUntil(() => sandbox.ready(), { timeout: 20_000 });
    });
    afterAll(() => sandbox.close());

    describe("a run", () => {
      test("of the seed sends an authenticated reader to the session that Stripe made", async () => {
        const { calls, handler } = recordingHost(() => ({
          ok: true,
          value: { ok: true, status: 200, headers: {}, body: { url: "https://checkout.example/s" } },
        }));
        const { outcome } = await run(seed, { input: seedInput("authenticated"), host: handler });
        const value = { success: true, action: "navigate", url: "https://checkout.example/s" };
        expect(outcome).toEqual({ kind: "returned", value });
        const body = {
          mode: "payment",
          line_items: [],
          success_url: "https://example.com/success",
          cancel_url: "https://example.com/cancel",
        };
        const request = { method: "POST", path: "/v1/checkout/sessions", body };
        expect(calls).toEqual([{ seq: 0, name: "stripe.fetch", args: { accountId: "acct_1", request } }]);
      });

      test("of the seed sends an anonymous reader to sign up and calls nobody", async () => {
        const { calls, handler } = recordingHost(() => ({ ok: true, value: null }));
        const { outcome } = await run(seed, { input: seedInput("anonymous"), host: handler });
        expect(outcome).toMatchObject({ kind: "returned", value: { success: false, statusCode: 401 } });
        expect(calls).toEqual([]);
      });

      test("may be of a function that is not async", async () => {
        const { outcome } = await run("export default ({ a }) => ({ a: a + 1 });", { input: { a: 1 } });
        expect(outcome).toEqual({ kind: "returned", value: { a: 2 } });
      });

      test("cannot change its input", async () => {
        const { outcome } = await run("export default ({ a }) => { a.b.push(1); };", { input: { a: { b: [] } } });
        expect(outcome).toMatchObject({ kind: "threw", error: { name: "TypeError" } });
      });

      test("tells its CPU and wall time", async () => {
        const { cpuMs, wallMs } = await run("export default () => { for (let i = 0; i < 1e6; i++); return 1; };");
        const least = clock === "fine" ? Number.MIN_VALUE : 0;
        expect(cpuMs).toBeGreaterThanOrEqual(least);
        expect(wallMs).toBeGreaterThanOrEqual(least);
      });

      test("numbers its host calls from 0 and gets each answer where it asked", async () => {
        const { calls, handler } = recordingHost(async ({ args }) => {
          const late = JSON.stringify(args).includes("/0") ? 30 : 1;
          await new Promise((resolve) => setTimeout(resolve, late));
          return response(JSON.stringify(args));
        });
        const source = `export default async () => {
          const answers = await Promise.all([0, 1, 2].map((i) => fetch("https://api.example/" + i)));
          return Promise.all(answers.map(async (answer) => (await answer.json()).url));
        };`;
        const { outcome } = await run(source, { host: handler });
        const urls = [0, 1, 2].map((i) => `https://api.example/${i}`);
        expect(outcome).toEqual({ kind: "returned", value: urls });
        expect(calls.map(({ seq }) => seq)).toEqual([0, 1, 2]);
      });

      test("sees the host's refusal as an error with its name", async () => {
        const host = recordingHost(() => ({
          ok: false,
          error: { name: "NotAllowedError", message: "no such origin" },
        }));
        const source = `export default async () => {
          try { await fetch("https://elsewhere.example") } catch (e) { return [e instanceof Error, e.name, e.message] }
        };`;
        const { outcome } = await run(source, { host: host.handler });
        expect(outcome).toEqual({ kind: "returned", value: [true, "NotAllowedError", "no such origin"] });
      });

      test("may not call out more often than its budget", async () => {
        const { calls, handler } = recordingHost(() => response("1"));
        const source = `export default async () => {
          const told = [];
          for (let i = 0; i < 4; i++) {
            try { told.push((await fetch("https://api.example/")).status) } catch (e) { told.push(e.message) }
          }
          return told;
        };`;
        const { outcome } = await run(source, { host: handler, budgets: { outboundCalls: 2 } });
        const refused = "fetch: a run may make 2 outbound calls";
        expect(outcome).toEqual({ kind: "returned", value: [200, 200, refused, refused] });
        expect(calls).toHaveLength(2);
      });

      test("ends when it goes on calling out past its budget, whatever it is told", async () => {
        const { calls, handler } = recordingHost(() => response("1"));
        const body = "x".repeat(1000);
        const source = `export default async () => {
          for (;;) try { await fetch("https://api.example/", { method: "POST", body: "${body}" }) } catch {}
        };`;
        const { outcome } = await run(source, { host: handler, budgets: { outboundCalls: 2, cpuMs: 5000 } });
        expect(outcome.kind).toBe("refused");
        expect(calls).toHaveLength(2);
      });

      test("may not hand the host arguments that are nested without end", async () => {
        const { calls, handler } = recordingHost(() => response("1"));
        const source = `export default async ({ utils }) => {
          let body = []; for (let i = 0; i < 1500; i++) body = [body];
          try { await utils.integrations.stripe.fetch("a", { body }) } catch (e) { return e.message }
        };`;
        const { outcome } = await run(source, { host: handler });
        expect(outcome).toEqual({ kind: "returned", value: expect.stringContaining("nested too deeply") });
        expect(calls).toEqual([]);
      });

      test("keeps its logs with their levels", async () => {
        const source = `export default async () => {
          console.log("one", { two: 2 }, [3], null, undefined); console.warn("w"); console.error(new Error("e").message);
          return null;
        };`;
        const { logs, logsTruncated } = await run(source);
        const seen = logs.map(({ level, message }) => [level, message]);
        expect(seen).toEqual([
          ["log", 'one {"two":2} [3] null undefined'],
          ["warn", "w"],
          ["error", "e"],
        ]);
        expect(logsTruncated).toBe(false);
      });

      test("has its logs cut at the budget", async () => {
        const source = 'export default () => { for (let i = 0; i < 500; i++) console.log("é".repeat(50)); return 1; };';
        const { outcome, logs, logsTruncated } = await run(source, { budgets: { logBytes: 2000 } });
        expect(outcome.kind).toBe("returned");
        expect(logsTruncated).toBe(true);
        expect(Buffer.byteLength(logs.map(({ message }) => message).join(""))).toBeLessThanOrEqual(2000);
      });

      test("can wait for timers, and clear them", async () => {
        const source = `export default async () => {
          const seen = [];
          clearTimeout(setTimeout(() => seen.push("cleared"), 1));
          await new Promise((resolve) => {
            const every = setInterval(() => { seen.push("tick"); if (seen.length === 3) { clearInterval(every); resolve() } }, 1);
          });
          await new Promise((resolve) => setTimeout((word) => { seen.push(word); resolve() }, 5, "late"));
          return seen;
        };`;
        const { outcome } = await run(source);
        expect(outcome).toEqual({ kind: "returned", value: ["tick", "tick", "tick", "late"] });
      });
    });

    describe("an error", () => {
      test("thrown at once is told with its place", async () => {
        const { outcome } = await run("export default () => {\n  null.length;\n};");
        expect(outcome).toMatchObject({ kind: "threw", error: { name: "TypeError", line: 5, column: 10 } });
      });

      test("thrown after a host call is told", async () => {
        const source = `class Odd extends Error { name = "Odd" }
          export default async () => { await fetch("https://api.example/"); throw new Odd("late"); };`;
        const { outcome } = await run(source, { host: async () => response("1") });
        expect(outcome).toMatchObject({ kind: "threw", error: { name: "Odd", message: "late" } });
      });

      test("thrown at the top level, or in a timer, ends the run", async () => {
        const top = await run('throw new RangeError("top"); export default 1;');
        expect(top.outcome).toMatchObject({ kind: "threw", error: { name: "RangeError", message: "top" } });
        const timer = 'export default () => new Promise(() => setTimeout(() => { throw new Error("tick") }, 1));';
        expect((await run(timer)).outcome).toMatchObject({ kind: "threw", error: { message: "tick" } });
      });

      test.each([
        '"text"',
        "5",
        "null",
        "{ a: 1 }",
        "Symbol('s')",
        "new Proxy({}, { get() { throw 1 }, has() { throw 1 } })",
      ])("that is no Error is told all the same: %s", async (thrown) => {
        const { outcome } = await run(`export default async () => { throw ${thrown}; };`);
        expect(outcome).toMatchObject({ kind: "threw", error: { name: "Error" } });
      });

      test("nobody waits for is logged and ends nothing", async () => {
        const { outcome, logs } = await run(
          'export default async () => { Promise.reject(new Error("lost")); return 1; };',
        );
        expect(outcome).toEqual({ kind: "returned", value: 1 });
        expect(logs).toMatchObject([{ level: "warn", message: "Uncaught (in promise) Error: lost" }]);
      });
    });

    describe("a result is refused", () => {
      test.each([
        ["nothing", "undefined"],
        ["a function", "() => 1"],
        ["a function inside", "{ a: { b() {} } }"],
        ["a symbol inside", "{ a: Symbol() }"],
        ["a BigInt", "{ a: 1n }"],
        ["not a number", "{ a: NaN }"],
        ["cyclic", "(() => { const a = {}; a.a = a; return a })()"],
        ["a throwing toJSON", "{ toJSON() { throw new Error('no') } }"],
        ["a throwing getter", "{ get a() { throw new Error('no') } }"],
        ["nested without end", "(() => { let a = []; for (let i = 0; i < 1500; i++) a = [a]; return a })()"],
        ["huge", "'x'.repeat(70000)"],
        ["huge in bytes only", "'é'.repeat(40000)"],
      ])("when it is %s", async (_what, result) => {
        const { outcome } = await run(`export default async () => (${result});`, { budgets: { resultBytes: 65_536 } });
        expect(outcome.kind).toBe("refused");
      });
    });

    describe("a run that does not end", () => {
      test.runIf(itsOwnLimits).each([
        ["at once", "for (;;);"],
        ["at the top level", ""],
        ["after an await", "await 1; for (;;);"],
        ["after a host call", 'await fetch("https://api.example/"); for (;;);'],
        ["in a timer", "await new Promise((r) => setTimeout(() => { for (;;); }, 1));"],
        [
          "in microtasks",
          "const again = () => { Promise.resolve().then(again) }; again(); await new Promise(() => {});",
        ],
        ["in a thenable", "return { then() { for (;;); } };"],
        ["in toJSON", "return { toJSON() { for (;;); } };"],
        ["in a getter", "return { get a() { for (;;); } };"],
        ["in a thrown error's getter", "throw { get message() { for (;;); } };"],
        ["in a regular expression", "/^(a+)+$/.test('a'.repeat(40) + 'b');"],
        ["over digests", "const b = new Uint8Array(4 << 20); for (;;) await crypto.subtle.digest('SHA-256', b);"],
        ["over random values", "const b = new Uint8Array(65536); for (;;) crypto.getRandomValues(b);"],
        ["over addresses", "for (;;) new URL('https://bücher.example/');"],
        ["over clones", "const a = Array.from({ length: 1000 }, () => ({})); for (;;) structuredClone(a);"],
        ["in a proxy handed to the host", "await fetch(new Proxy({}, { get() { for (;;); } }));"],
      ])("loops %s and is stopped by its CPU budget", async (_where, body) => {
        const source = body === "" ? "for (;;); export default 1;" : `export default async () => { ${body} };`;
        const { outcome } = await run(source, { host: async () => response("1") });
        expect(outcome.kind).toBe("cpu-exceeded");
      });

      test("waits for what never comes and is timed out", async () => {
        const { outcome } = await run("export default () => new Promise(() => {});", { budgets: { wallMs: 200 } });
        expect(outcome.kind).toBe("timed-out");
      });

      test("waits for a host that never answers and is timed out", async () => {
        const host = () => new Promise<HostAnswer>(() => {});
        const { outcome } = await run(seed, { input: seedInput("authenticated"), host, budgets: { wallMs: 200 } });
        expect(outcome.kind).toBe("timed-out");
      });

      test.runIf(itsOwnLimits)("keeps what it had logged before", async () => {
        const { logs } = await run('export default () => { console.log("before"); for (;;); };');
        expect(logs).toMatchObject([{ message: "before" }]);
      });

      test("is cancelled when its caller goes away", async () => {
        const controller = new AbortController();
        const host = () => {
          controller.abort();
          return new Promise<HostAnswer>(() => {});
        };
        const { outcome } = await run(seed, { input: seedInput("authenticated"), host, signal: controller.signal });
        expect(outcome.kind).toBe("cancelled");
        const late = await run("export default () => 1;", { signal: AbortSignal.abort() });
        expect(late.outcome.kind).toBe("cancelled");
      });
    });

    describe.runIf(itsOwnLimits)("memory", () => {
      test.each([
        ["arrays", "const a = []; for (;;) a.push(new Array(10000).fill(1));"],
        ["objects", "let a = null; for (;;) a = { a, b: [a] };"],
        ["strings", "const a = []; for (let i = 0; ; i++) a.push(('x' + i).repeat(1 << 16).split('').join('-'));"],
        ["buffers", "const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1));"],
        ["a map", "const a = new Map(); for (let i = 0; ; i++) a.set(i, { i });"],
        ["addresses", "const a = []; for (;;) a.push(new URL('https://a.example/?a=1'));"],
        ["clones", "const a = []; for (;;) a.push(structuredClone(new Array(10000).fill(1)));"],
      ])("bomb of %s is stopped", async (_family, body) => {
        const { outcome } = await run(`export default () => { ${body} };`, {
          budgets: { cpuMs: 8000, wallMs: 10_000 },
        });
        expect(outcome.kind).toBe("out-of-memory");
      });
    });

    describe("nothing of the host", () => {
      test.each([
        "process",
        "require",
        "module",
        "eval",
        "WebAssembly",
        "SharedArrayBuffer",
        "Atomics",
        "WeakRef",
        "global",
        "Temporal",
        "FinalizationRegistry",
        "XMLHttpRequest",
        "importScripts",
        "navigator",
        "core",
        "parts",
      ])("%s is there", async (absent) => {
        const { outcome } = await run(`export default () => typeof globalThis["${absent}"];`);
        expect(outcome).toEqual({ kind: "returned", value: "undefined" });
      });

      test.each([
        ["Function", 'Function("return 1")()'],
        ["a function's constructor", '(() => 1).constructor("return 1")()'],
        ["an async function's constructor", '(async () => 1).constructor("return 1")()'],
        ["a generator's constructor", '(function* () {}).constructor("yield 1")()'],
        ["a method's constructor", '[].push.constructor("return 1")()'],
        ["a capability's constructor", 'utils.integrations.stripe.fetch.constructor("return process")()'],
        ["Reflect", 'Reflect.construct((() => 1).constructor, ["return 1"])()'],
        ["a timer's text", 'setTimeout("1", 1)'],
        ["a URL's class", 'URL.constructor("return 1")()'],
        ["a URL's method", 'new URL("https://a.example").toString.constructor("return 1")()'],
        ["a query's iterator", 'new URLSearchParams("a=1").entries().next.constructor("return 1")()'],
        ["a key's class", 'Object.getPrototypeOf(crypto.subtle).constructor.constructor("return 1")()'],
        ["a promise of a digest", 'crypto.subtle.digest("SHA-1", new Uint8Array()).then.constructor("return 1")()'],
        ["a clone", 'structuredClone({}).constructor.constructor("return 1")()'],
        ["an exception", 'new DOMException().constructor.constructor("return 1")()'],
        ["a global's getter", 'Object.getOwnPropertyDescriptor(globalThis, "fetch").get.constructor("return 1")()'],
      ])("compiles text: not %s", async (_how, expression) => {
        const { outcome } = await run(`export default ({ utils }) => { ${expression}; return "made"; };`);
        expect(outcome.kind).toBe("threw");
      });

      test("is reached through what a capability gives or takes", async () => {
        const source = `export default async ({ utils }) => {
          const found = new Set();
          const walk = (value, depth) => {
            if (depth > 4 || (typeof value !== "object" && typeof value !== "function") || value === null) return;
            for (let at = value; at; at = Object.getPrototypeOf(at)) {
              for (const key of Reflect.ownKeys(at)) found.add(String(key));
            }
            for (const key of Object.keys(value)) walk(value[key], depth + 1);
          };
          walk(utils, 0); walk(await utils.integrations.stripe.fetch("a", {}), 0); walk(new Error("x"), 0); walk(console, 0);
          const key = await crypto.subtle.importKey("raw", new Uint8Array(1), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
          for (const made of [new URL("https://a.example"), new URLSearchParams(), crypto, crypto.subtle, key]) walk(made, 0);
          for (const name of Object.getOwnPropertyNames(globalThis)) walk(globalThis[name], 3);
          for (const at of Object.values(Object.getOwnPropertyDescriptors(globalThis))) { walk(at.get, 3); walk(at.set, 3) }
          return ["mainModule", "binding", "applySync", "derefInto", "copyInto", "env"].filter((name) => found.has(name));
        };`;
        const { outcome } = await run(source, { host: async () => ({ ok: true, value: { ok: true } }) });
        expect(outcome).toEqual({ kind: "returned", value: [] });
      });
    });

    describe("runs of one workflow", () => {
      test("share no state", async () => {
        const source = `export default async () => {
          const before = [globalThis.left, Array.prototype.left, Object.prototype.left, JSON.left, Promise.left];
          globalThis.left = Array.prototype.left = Object.prototype.left = JSON.left = Promise.left = 1;
          Array.prototype.push = JSON.stringify = Promise.prototype.then = () => { throw new Error("spoilt") };
          return before.every((value) => value === undefined);
        };`;
        for (let i = 0; i < 4; i += 1) {
          const { outcome } = await run(source, { tenant: "one" });
          expect(outcome).toEqual({ kind: "returned", value: true });
        }
      });

      test("share none through the web's globals, and break nothing by spoiling what those are made of", async () => {
        const source = `export default async () => {
          const globals = { URL, URLSearchParams, structuredClone, crypto, DOMException, TextEncoder, Headers, AbortSignal };
          const before = Object.values(globals).flatMap((made) => [made.left, made.prototype?.left, made.subtle?.left]);
          for (const made of Object.values(globals)) { made.left = 1; if (made.prototype) made.prototype.left = 1 }
          crypto.subtle.left = 1;
          const spoilt = () => { throw new Error("spoilt") };
          URL.prototype.toString = Map.prototype.get = Uint8Array.prototype.set = Object.defineProperty = Reflect.get = spoilt;
          globalThis.URL = globalThis.crypto = globalThis.TextEncoder = undefined;
          return before.every((value) => value === undefined);
        };`;
        for (let i = 0; i < 4; i += 1) {
          const { outcome } = await run(source, { tenant: "two" });
          expect(outcome).toEqual({ kind: "returned", value: true });
        }
      });

      test("each begin with the web's globals whole, however the one before spoilt what makes them", async () => {
        const source = `export default async ({ spoil }) => {
          if (spoil) {
            const spoilt = () => { throw new Error("spoilt") };
            Object.prototype.get = Object.prototype.value = Object.prototype.name = spoilt;
            Map.prototype.set = WeakMap.prototype.set = Uint8Array.prototype.subarray = Array.prototype[Symbol.iterator] = spoilt;
            const failed = (make) => { try { make(); return 0 } catch { return 1 } };
            return failed(() => new URL("https://a.example")) + failed(() => crypto.randomUUID()) > 0;
          }
          const url = new URL("https://a.example/?b=c").searchParams.get("b");
          return [url, crypto.randomUUID().length, structuredClone(new Map([[1, 2]])).get(1)];
        };`;
        for (const spoil of [false, true, false, true, false]) {
          const { outcome } = await run(source, { tenant: "three", input: { spoil } });
          expect(outcome).toEqual({ kind: "returned", value: spoil || ["c", 36, 2] });
        }
      });

      test("each find the globals as the first did, whatever the one before used", async () => {
        const source = `export default () => {
          const names = Object.getOwnPropertyNames(globalThis);
          const found = names.map((name) => name + typeof Object.getOwnPropertyDescriptor(globalThis, name).get);
          new URL("https://b\u00fccher.example/?a=b");
          structuredClone(new Map());
          return [found.join(), crypto.randomUUID().length, new TextEncoder().encode("a").length];
        };`;
        const ends: unknown[] = [];
        for (let i = 0; i < 4; i += 1) ends.push((await run(source, { tenant: "four" })).outcome);
        expect(ends[0]).toMatchObject({ kind: "returned" });
        expect(ends).toEqual(ends.map(() => ends[0]));
      });

      test("come through 200 at once, each with its own answer", async () => {
        const host: HostCallHandler = async ({ args }) => response(JSON.stringify(args));
        const source = `export default async ({ i }) => {
          const { url } = await (await fetch("https://api.example/" + i)).json();
          return { i, url };
        };`;
        const runs = Array.from({ length: 200 }, (_, i) =>
          run(source, { input: { i }, host, tenant: `crowd ${i % 3}`, budgets: { wallMs: 15_000, cpuMs: 2000 } }),
        );
        const values = (await Promise.all(runs)).map(({ outcome }) => outcome);
        expect(values).toEqual(
          values.map((_, i) => ({ kind: "returned", value: { i, url: `https://api.example/${i}` } })),
        );
      });
    });

    describe("the web's globals:", () => {
      test.each([
        [
          "a response's parts",
          "[r.ok, r.status, r.headers.get('Content-Type'), r.headers.has('x')]",
          [true, 201, "application/json", false],
        ],
        [
          "a response's text, once",
          "[await r.clone().text(), (await r.json()).a, await r.text().catch((e) => e.name)]",
          ['{"a":1}', 1, "TypeError"],
        ],
        [
          "headers",
          "[...new Headers([['B', ' 2 '], ['a', '1'], ['b', '3']])]",
          [
            ["a", "1"],
            ["b", "2, 3"],
          ],
        ],
        ["base64", "[btoa('h\u00e9llo'), atob(' aGVsbG8'), btoa(''), atob('')]", ["aOlsbG8=", "hello", "", ""]],
        [
          "text encoding",
          "[[...new TextEncoder().encode('é😀')], new TextDecoder().decode(new Uint8Array([195, 169]))]",
          [[195, 169, 240, 159, 152, 128], "é"],
        ],
        [
          "an abort",
          "(() => { const c = new AbortController(); let n = 0; c.signal.onabort = () => n++; c.abort(); return [n, c.signal.reason.name] })()",
          [1, "AbortError"],
        ],
        [
          "a date",
          "[new Date(0).toISOString(), new Date() - Date.now(), typeof Date(), new (class extends Date {})(5).getTime()]",
          ["1970-01-01T00:00:00.000Z", 0, "string", 5],
        ],
        [
          "encoding into bytes",
          "(() => { const b = new Uint8Array(4); return [new TextEncoder().encodeInto('é😀', b), [...b]] })()",
          [{ read: 1, written: 2 }, [195, 169, 0, 0]],
        ],
        [
          "an address",
          "((u) => [u.host, u.searchParams.get('q'), u.href])(new URL('../b?q=1#x', 'https://a.example:8/c/d'))",
          ["a.example:8", "1", "https://a.example:8/b?q=1#x"],
        ],
        [
          "an international address",
          "new URL('https://bücher.example/ä').href",
          "https://xn--bcher-kva.example/%C3%A4",
        ],
        [
          "what is no address",
          "[URL.canParse('nope'), (() => { try { new URL('nope') } catch (e) { return e.name } })()]",
          [false, "TypeError"],
        ],
        ["a query", "new URLSearchParams({ a: 'x y', b: '&' }).toString()", "a=x+y&b=%26"],
        [
          "a clone",
          "((c) => [c.d.getTime(), c.m.get('k').size, c.self === c])(structuredClone((() => { const o = { d: new Date(5), m: new Map([['k', new Set([1])]]) }; o.self = o; return o })()))",
          [5, 1, true],
        ],
        [
          "what cannot be cloned",
          "(() => { try { structuredClone({ f() {} }) } catch (e) { return [e.name, e instanceof DOMException, e.code] } })()",
          ["DataCloneError", true, 25],
        ],
        [
          "a digest",
          "[...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')))].slice(0, 4)",
          [186, 120, 22, 191],
        ],
        [
          "a signature",
          "await (async () => { const k = await crypto.subtle.importKey('raw', new TextEncoder().encode('Jefe'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']); const d = new TextEncoder().encode('what do ya want for nothing?'); const s = await crypto.subtle.sign('HMAC', k, d); return [[...new Uint8Array(s)].slice(0, 4), await crypto.subtle.verify('HMAC', k, s, d)] })()",
          [[91, 220, 193, 70], true],
        ],
        [
          "a digest that is not there",
          "await crypto.subtle.digest('MD5', new Uint8Array()).catch((e) => [e.name, e instanceof DOMException])",
          ["NotSupportedError", true],
        ],
        [
          "globals of the same name each time",
          "[URL === URL, crypto === crypto, crypto.subtle === crypto.subtle, URL.name, Headers.name, AbortSignal.name, TextEncoder.name]",
          [true, true, true, "URL", "Headers", "AbortSignal", "TextEncoder"],
        ],
        [
          "globals that an author replaces",
          "(() => { globalThis.URL = 1; globalThis.crypto = undefined; delete globalThis.structuredClone; return [URL, typeof crypto, typeof structuredClone, typeof URLSearchParams] })()",
          [1, "undefined", "undefined", "function"],
        ],
        [
          "globals of a frozen realm",
          "(() => { Object.freeze(globalThis); return [new URL('https://a.example').host, crypto.randomUUID().length] })()",
          ["a.example", 36],
        ],
        ["a request's words", "new Request('https://a.example', { method: 'post', body: 'x' }).method", "POST"],
        [
          "a text's bytes",
          "[[...(await new Response('é').bytes())], (await new Response('é').arrayBuffer()) instanceof ArrayBuffer, (await new Response().bytes()).length]",
          [[195, 169], true, 0],
        ],
        [
          "bytes' text",
          "await (async () => { const b = new Uint8Array([239, 187, 191, 195, 169]); const r = new Response(b); b[3] = 0; return [await r.clone().text(), [...(await r.clone().bytes())], await new Response(b.buffer.slice(3)).text(), r.headers.get('content-type')] })()",
          ["é", [239, 187, 191, 195, 169], "\0\ufffd", null],
        ],
        [
          "a body that is read once, and one that is not there",
          "await (async () => { const q = new Request('https://a.example', { method: 'POST', body: 'x' }); const n = new Response(null); await n.text(); return [await q.text(), q.bodyUsed, await q.bytes().catch((e) => e.name), n.bodyUsed, await n.text()] })()",
          ["x", true, "TypeError", false, ""],
        ],
        [
          "made responses",
          "((a, b, c) => [a.status, a.headers.get('location'), b.type, b.status, b.ok, c.headers.get('content-type')])(Response.redirect('https://a.example/x', 303), Response.error(), Response.json([1]))",
          [303, "https://a.example/x", "error", 0, false, "application/json"],
        ],
        [
          "statuses that are none",
          "[() => Response.redirect('https://a.example', 200), () => new Response('', { status: 99 })].map((f) => { try { f() } catch (e) { return e.name } })",
          ["RangeError", "RangeError"],
        ],
        [
          "cookies",
          "((h) => [h.getSetCookie(), h.get('set-cookie'), [...h].length])(new Headers([['Set-Cookie', 'a=1, 2'], ['set-cookie', 'b'], ['x', 'y']]))",
          [["a=1, 2", "b"], "a=1, 2, b", 3],
        ],
        [
          "signals together",
          "((a, b) => { const any = AbortSignal.any([a.signal, b.signal]); b.abort('b'); a.abort('a'); return [any.aborted, any.reason, AbortSignal.any([AbortSignal.abort(1), any]).reason, AbortSignal.any([]).aborted] })(new AbortController(), new AbortController())",
          [true, "b", 1, false],
        ],
        [
          "events",
          "(() => { const t = new EventTarget(); const seen = []; const f = (e) => seen.push(e.type, e.target === t); t.addEventListener('x', f, { once: true }); t.addEventListener('x', f); t.addEventListener('x', { handleEvent: (e) => { e.preventDefault(); e.stopImmediatePropagation() } }); t.addEventListener('x', () => seen.push('no')); return [t.dispatchEvent(new Event('x', { cancelable: true })), t.dispatchEvent(new Event('x')), seen] })()",
          [false, true, ["x", true]],
        ],
        [
          "an abort's event, once",
          "(() => { const c = new AbortController(); const s = []; c.signal.addEventListener('abort', (e) => s.push(e.type, e.target === c.signal)); c.abort(); c.abort(); return [s, c.signal instanceof EventTarget] })()",
          [["abort", true], true],
        ],
        [
          "time that stands still",
          "((a) => [typeof a, a >= 0, performance.now() === a, performance.timeOrigin + a === Date.now(), String(performance)])(performance.now())",
          ["number", true, true, true, "[object Performance]"],
        ],
      ])("%s", async (_what, expression, value) => {
        const host: HostCallHandler = async () => response('{"a":1}', 201);
        const source = `export default async () => { const r = await fetch("https://api.example/"); return ${expression}; };`;
        const { outcome } = await run(source, { host });
        expect(outcome).toEqual({ kind: "returned", value });
      });

      test("bytes go out and come in as they are", async () => {
        const { calls, handler } = recordingHost(() => ({
          ok: true,
          value: {
            status: 200,
            url: "",
            headers: { "set-cookie": ["a", "b"] },
            bodyBase64: "/9gAAYD+",
            redirected: true,
          },
        }));
        const source = `export default async () => {
          const send = (body) => fetch("https://api.example/", { method: "PUT", body });
          const r = await send(new Uint8Array([255, 0, 128]));
          await send(new Uint16Array([1]).buffer); await send(new DataView(new ArrayBuffer(1))); await send("é");
          return [[...(await r.clone().bytes())], (await r.text()).length, r.headers.getSetCookie(), r.redirected, r.type];
        };`;
        const { outcome } = await run(source, { host: handler });
        expect(outcome).toEqual({
          kind: "returned",
          value: [[255, 216, 0, 1, 128, 254], 6, ["a", "b"], true, "basic"],
        });
        const bodies = calls.map(({ args }) => args).map((args) => Object(args).bodyBase64 ?? Object(args).body);
        expect(bodies).toEqual(["/wCA", "AQA=", "AA==", "é"]);
      });

      test("a listener that throws is logged and stops no other", async () => {
        const source = `export default () => {
          const c = new AbortController();
          let heard = 0;
          c.signal.addEventListener("abort", () => { throw new Error("listener") });
          c.signal.addEventListener("abort", () => { heard += 1 });
          c.abort();
          return heard;
        };`;
        const { outcome, logs } = await run(source);
        expect(outcome).toEqual({ kind: "returned", value: 1 });
        expect(logs.map(({ message }) => message)).toEqual([expect.stringContaining("listener")]);
      });

      test("an aborted fetch rejects with the signal's reason", async () => {
        const host = () => new Promise<HostAnswer>(() => {});
        const source = `export default async () => {
          try { await fetch("https://api.example/", { signal: AbortSignal.timeout(5) }) } catch (e) { return e.name }
        };`;
        expect((await run(source, { host })).outcome).toEqual({ kind: "returned", value: "TimeoutError" });
      });
    });

    describe("random values", () => {
      const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

      test("are UUIDs of version 4, none of them twice in a run or in two runs", async () => {
        const source = "export default () => Array.from({ length: 50 }, () => crypto.randomUUID());";
        const runs = await Promise.all(Array.from({ length: 20 }, () => run(source, { tenant: "uuids" })));
        const all = runs.flatMap(({ outcome }) => (outcome.kind === "returned" ? outcome.value : []));
        expect(all.filter((value) => uuid.test(String(value)))).toHaveLength(1000);
        expect(new Set(all).size).toBe(1000);
      });

      test("fill the part of the buffer that the view shows, with every bit as often set as not", async () => {
        const source = `export default () => {
          const all = new Uint8Array(8192);
          const view = new Uint32Array(all.buffer, 4096, 512);
          const same = crypto.getRandomValues(view) === view;
          const ones = Array.from({ length: 8 }, (_, bit) => all.subarray(4096, 6144).reduce((n, byte) => n + ((byte >> bit) & 1), 0));
          return { same, ones, outside: all.subarray(0, 4096).some(Boolean) || all.subarray(6144).some(Boolean) };
        };`;
        const { outcome } = await run(source);
        expect(outcome).toMatchObject({ kind: "returned", value: { same: true, outside: false } });
        const ones = outcome.kind === "returned" ? Object(outcome.value).ones : [];
        // 2048 throws of a coin: seven standard deviations from half of them
        for (const count of ones) expect(Math.abs(count - 1024)).toBeLessThan(160);
      });

      test("are not those of Math.random, and come in any portions without repeating", async () => {
        const source = `export default () => {
          const parts = [1, 63, 64, 65, 1000].map((length) => [...crypto.getRandomValues(new Uint8Array(length))].slice(0, 8).join());
          Math.random();
          return parts.concat(crypto.randomUUID());
        };`;
        const { outcome } = await run(source);
        const values = outcome.kind === "returned" ? Object(outcome.value) : [];
        expect(new Set(values).size).toBe(6);
      });

      test.each([
        ["numbers with fractions", "new Float64Array(1)", "TypeMismatchError"],
        ["a buffer", "new ArrayBuffer(1)", "TypeMismatchError"],
        ["nothing", "", "TypeMismatchError"],
        ["more than 65,536 bytes", "new Uint8Array(65537)", "QuotaExceededError"],
      ])("are refused for %s", async (_what, given, name) => {
        const source = `export default () => { try { crypto.getRandomValues(${given}) } catch (e) { return e.name } };`;
        expect((await run(source)).outcome).toEqual({ kind: "returned", value: name });
      });
    });

    describe("the numbers", () => {
      test("count every run that has ended, by how it ended", async () => {
        const before = await sandbox.stats();
        await run("export default () => 1;");
        await run("export default () => { throw new Error() };");
        await run("export default () => new Promise(() => {});");
        await run("export default () => () => {};");
        const after = await sandbox.stats();
        const changed = Object.entries(after.runsEnded).filter(([kind, n]) => n !== Object(before.runsEnded)[kind]);
        expect(changed.map(([kind, n]) => [kind, n - Object(before.runsEnded)[kind]])).toEqual([
          ["returned", 1],
          ["threw", 1],
          ["timed-out", 1],
          ["refused", 1],
        ]);
        expect(after).toMatchObject({ runsUnderWay: 0, runsWaiting: 0, resting: [] });
      });

      test("tell of a run that is under way", async () => {
        const { promise: gate, resolve: open } = Promise.withResolvers<void>();
        const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
        const host = async () => {
          ask();
          await gate;
          return response("1");
        };
        const running = run('export default async () => (await fetch("https://api.example/")).text();', { host });
        await asked;
        expect((await sandbox.stats()).runsUnderWay).toBe(1);
        open();
        expect((await running).outcome.kind).toBe("returned");
        expect((await sandbox.stats()).runsUnderWay).toBe(0);
      });

      test("name nobody who rests while nobody does", () => {
        expect(sandbox.resting()).toEqual([]);
      });
    });

    describe("inspect", () => {
      test("tells what the default export is", async () => {
        const inspect = async (source: string) => sandbox.inspect(await moduleOf(source), smallBudgets);
        expect(await inspect("export default () => 1;")).toEqual({ ok: true, defaultExport: "function" });
        expect(await inspect("export default 5;")).toEqual({ ok: true, defaultExport: "number" });
      });

      test("tells how a top level failed", async () => {
        const inspect = async (source: string) => sandbox.inspect(await moduleOf(source), smallBudgets);
        expect(await inspect('throw new Error("top"); export default 1;')).toMatchObject({
          ok: false,
          outcome: { kind: "threw", error: { message: "top" } },
        });
      });

      test.runIf(itsOwnLimits)("ends a top level that does not", async () => {
        const inspection = await sandbox.inspect(await moduleOf("for (;;); export default 1;"), smallBudgets);
        expect(inspection).toMatchObject({ ok: false, outcome: { kind: "cpu-exceeded" } });
      });

      test("tells of a script that is no JavaScript", async () => {
        const inspection = await sandbox.inspect({ codeHash: "x", script: "nope nope" }, smallBudgets);
        expect(inspection).toMatchObject({ ok: false, outcome: { kind: "threw", error: { name: "SyntaxError" } } });
      });
    });
  });
}
