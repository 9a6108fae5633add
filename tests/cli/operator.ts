import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createColors } from "picocolors";
import { runScrip } from "../../cli/program.ts";
import type { World } from "../fakes/world.ts";

/** What a command did. */
export type Ran = { exitCode: number; out: string; err: string };

/** Somebody at a terminal in a folder of their own. Close it. */
export type Operator = {
  folder: string;
  /** What is answered to questions; null when nobody is there. May be changed. */
  answers: (() => string | Promise<string>) | null;
  env: Record<string, string>;
  scrip(...argv: string[]): Promise<Ran>;
  /** The same with `--json`, and what it printed, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member, and a wrong shape fails there
  json(...argv: string[]): Promise<{ exitCode: number; answer: any; err: string }>;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  edit(path: string, from: string, to: string): Promise<void>;
  close(): Promise<void>;
};

export const packageDir = fileURLToPath(new URL("../..", import.meta.url));
export const serverUrl = "http://scrip.test";

/** Makes an operator. With a world, its server is reached at `serverUrl` and named by the environment variables. */
export async function createOperator(world: World | null, fetchInstead?: typeof fetch): Promise<Operator> {
  const folder = await mkdtemp(join(tmpdir(), "scrip-operator-"));
  const operator: Operator = {
    folder,
    answers: null,
    env:
      world === null
        ? {}
        : { SCRIP_URL: serverUrl, SCRIP_ADMIN_TOKEN: world.adminToken, SCRIP_ENVIRONMENT: "env_preview" },
    async scrip(...argv) {
      const out: string[] = [];
      const err: string[] = [];
      const { answers } = operator;
      const exitCode = await runScrip(
        {
          cwd: folder,
          packageDir,
          env: { DATA_DIR: join(folder, "data"), ...operator.env },
          fetch: fetchInstead ?? fetchOf(world),
          colors: createColors(operator.env.FORCE_COLOR === "1"),
          interactive: answers !== null,
          out: (line) => out.push(line),
          note: (line) => err.push(line),
          ask: async (question) => {
            err.push(question);
            return (await answers?.()) ?? "";
          },
          working: (_what, work) => work(),
        },
        argv,
      );
      return { exitCode, out: out.join("\n"), err: err.join("\n") };
    },
    async json(...argv) {
      const { exitCode, out, err } = await operator.scrip(...argv, "--json");
      return { exitCode, answer: JSON.parse(out), err };
    },
    read: (path) => readFile(join(folder, path), "utf8"),
    async write(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    async edit(path, from, to) {
      const text = await operator.read(path);
      if (!text.includes(from)) throw new Error(`${path} does not contain ${from}`);
      await operator.write(
        path,
        text.replace(from, () => to),
      );
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
  return operator;
}

function fetchOf(world: World | null): typeof fetch {
  return async (input, init) => {
    if (world === null) throw new TypeError("fetch failed", { cause: new Error("tests have no network") });
    return world.app.fetch(new Request(input, init));
  };
}
