import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Sandbox } from "../../engine/sandbox.ts";
import { startLoaderSandbox } from "./loader-sandbox.ts";
import { describeSandbox, recordingHost, runSource, smallBudgets } from "./sandbox.ts";

describeSandbox("the Worker Loader", startLoaderSandbox, { limits: "of the platform", clock: "coarse" });

describe("a guest of the Worker Loader", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await startLoaderSandbox();
  });
  afterAll(() => sandbox.close());

  /** A script as it is, past the compiler, which lets no import through. */
  const runScript = (body: string) => {
    const script = `"use strict";\nglobalThis.__workflow = async () => { ${body} };`;
    const job = { runId: randomUUID(), tenant: "raw", module: { codeHash: randomUUID(), script }, input: {} };
    return sandbox.run({ ...job, budgets: smallBudgets }, recordingHost(() => ({ ok: true, value: null })).handler);
  };

  test("has the same globals as one of the sandbox processes", async () => {
    const source = "export default () => Object.getOwnPropertyNames(globalThis).sort();";
    const { outcome } = await runSource(sandbox, source);
    const names = outcome.kind === "returned" ? outcome.value : [];
    const pool = createProcessPool({ processes: 1 });
    const there = await runSource(pool, source).finally(() => pool.close());
    expect(there.outcome).toEqual({ kind: "returned", value: names });
  });

  test("inherits nothing of the platform's", async () => {
    const { outcome } = await runSource(
      sandbox,
      `export default () => {
        const found = [];
        for (let at = Object.getPrototypeOf(globalThis); at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
          found.push(...Object.getOwnPropertyNames(at));
        }
        return found;
      };`,
    );
    expect(outcome).toEqual({ kind: "returned", value: [] });
  });

  test("that got hold of the platform's modules finds no binding in them, and no network", async () => {
    const bindings = 'const { env } = await import("cloudflare:workers"); return Object.keys(env);';
    expect((await runScript(bindings)).outcome).toEqual({ kind: "returned", value: [] });
    const socket = `const { connect } = await import("cloudflare:sockets");
      const socket = connect("127.0.0.1:80");
      return socket.opened.then(() => "open", () => "refused");`;
    const refused = { message: expect.stringContaining("not permitted to access the internet") };
    expect((await runScript(socket)).outcome).toMatchObject({ kind: "threw", error: refused });
    const missing = { message: expect.stringContaining("No such module") };
    expect((await runScript('await import("node:fs")')).outcome).toMatchObject({ kind: "threw", error: missing });
  });

  test("is led to its end however it has spoilt what leads it", async () => {
    const source = `export default async () => {
      await fetch("https://api.example/");
      globalThis.Promise = globalThis.setTimeout = globalThis.Error = globalThis.String = undefined;
      Object.prototype.then = Function.prototype.call = Function.prototype.apply = () => { throw 1 };
      delete Object.prototype.then;
      await null;
      return 1;
    };`;
    const { outcome } = await runSource(sandbox, source, { host: async () => ({ ok: true, value: { status: 200 } }) });
    expect(outcome).toEqual({ kind: "returned", value: 1 });
  });

  test("finds nothing of the host on the stack", async () => {
    const source = `export default () => {
      Error.prepareStackTrace = (_error, calls) => calls.map((call) => [typeof call.getThis(), typeof call.getFunction()].join());
      const seen = new Error().stack;
      return Array.isArray(seen) ? [...new Set(seen)] : "text";
    };`;
    const { outcome } = await runSource(sandbox, source);
    expect(outcome).toEqual({ kind: "returned", value: ["undefined,undefined"] });
  });

  test("cannot have its end mistaken for Cloudflare's limits of another run", async () => {
    const host = recordingHost(() => ({ ok: true, value: null })).handler;
    const [broken, whole] = await Promise.all([
      runSource(sandbox, 'export default () => { throw new Error("exceeded CPU time limit") };', { host }),
      runSource(sandbox, "export default async () => 1;", { host }),
    ]);
    expect(broken.outcome).toMatchObject({ kind: "threw", error: { message: "exceeded CPU time limit" } });
    expect(whole.outcome).toEqual({ kind: "returned", value: 1 });
  });
});
