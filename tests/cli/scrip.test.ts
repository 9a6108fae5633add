import { execFile } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createOperator, type Operator, packageDir } from "./operator.ts";

let operator: Operator;
beforeAll(async () => {
  operator = await createOperator(null);
});
afterAll(() => operator.close());

function scrip(argv: string[], env: Record<string, string> = {}) {
  return new Promise<{ exitCode: number; out: string; err: string }>((done) => {
    const args = [join(packageDir, "cli/scrip.mjs"), ...argv];
    const options = { cwd: operator.folder, env: { PATH: process.env.PATH, DATA_DIR: operator.folder, ...env } };
    const child = execFile(process.execPath, args, options, (_error, out, err) => {
      done({ exitCode: child.exitCode ?? -1, out, err });
    });
  });
}

test("help is printed with examples", async () => {
  const { exitCode, out } = await scrip(["--help"]);
  expect(exitCode).toBe(0);
  expect(out).toContain("Usage: scrip [options] [command]");
  expect(out).toContain("scrip config push site/scrip.config.json");
});

test("the version is the package's", async () => {
  expect(await scrip(["--version"])).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test.each([["strat"], ["config", "psuh"], ["config", "pull", "--nope"], ["method", "check"]])(
  "%s %s ends with 2 and a word of what is wrong",
  async (...argv) => {
    const { exitCode, out, err } = await scrip(argv.filter((word) => word !== undefined));
    expect(exitCode).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^✖ (unknown|missing)/);
  },
);

test("an error is JSON with --json, and nothing else is printed", async () => {
  const { exitCode, out, err } = await scrip(["config", "pull", "--nope", "--json"]);
  expect({ exitCode, err }).toEqual({ exitCode: 2, err: "" });
  expect(JSON.parse(out)).toMatchObject({ status: "error", code: "usage" });
});

test("a good workflow is checked with exit code 0", async () => {
  const seed = join(packageDir, "workflows/stripe-checkout.wf.ts");
  expect(await scrip(["method", "check", seed])).toEqual({ exitCode: 0, out: `✔ ${seed}\n`, err: "" });
});

test("a bad workflow is checked with exit code 1, line and column; coloured only where wanted", async () => {
  await operator.write("bad.wf.ts", "export default async () => {\n  return nothing;\n};\n");
  const plain = await scrip(["method", "check", "bad.wf.ts"]);
  expect(plain).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining("bad.wf.ts:2:10  Cannot find name 'nothing'."),
  });
  expect(plain.out).not.toContain("\x1b[");
  const forced = await scrip(["method", "check", "bad.wf.ts"], { FORCE_COLOR: "1" });
  expect(forced.out).toContain("\x1b[36mbad.wf.ts:2:10\x1b[39m");
  const refused = await scrip(["method", "check", "bad.wf.ts"], { FORCE_COLOR: "1", NO_COLOR: "1" });
  expect(refused.out).toBe(plain.out);
});
