import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type MarkedBlock, root } from "./marked-blocks.ts";

/** What one `run` block printed, and the block that shows what it should print, if any. */
export type Step = { block: MarkedBlock; shown: string | null; printed: string };

/** Where the commands are run, and where the server is that the documents say is at port 8787. */
export type Session = { folder: string; url: string; env?: Record<string, string> };

/**
 * Runs the `run` blocks of a document one after another in one shell, as somebody would who pastes them, and makes the
 * changes of its `edit` marks. Only the server's address differs from what is written. Rejects when a shell cannot run.
 */
export async function runBlocks(blocks: readonly MarkedBlock[], session: Session): Promise<Step[]> {
  const steps = blocks.flatMap((block, i) => {
    if (block.mark !== "run" && !block.mark.startsWith("edit ")) return [];
    const next = blocks[i + 1];
    return [{ block, shown: next?.mark === "answer" ? atServer(next.text, session) : null }];
  });
  const script = steps.map(({ block }, i) => `${commandOf(block, session)}\nprintf '\\n${separator}${i}\\n'\n`);
  const outputs = (await run(script.join(""), session)).split(new RegExp(`\\n${separator}\\d+\\n`));
  return steps.map((step, i) => ({ ...step, printed: (outputs[i] ?? "").replace(/^\n|\n$/g, "") }));
}

const separator = "=====end of block ";

function commandOf({ mark, text }: MarkedBlock, session: Session): string {
  if (mark === "run") return atServer(text, session);
  const quoted = mark
    .slice("edit ".length)
    .split(" | ")
    .map((part) => `'${part.replaceAll("'", "'\\''")}'`);
  return `node -e '${editor}' ${quoted.join(" ")}`;
}

/** Refuses to change what is not there. */
const editor = `const fs = require("fs"); const [file, from, to] = process.argv.slice(1); const text = fs.readFileSync(file, "utf8");
if (!text.includes(from)) throw new Error(file + " does not contain " + from); fs.writeFileSync(file, text.replace(from, to));`;

function atServer(text: string, { url }: Session): string {
  const port = Number(new URL(url).port);
  return text.replaceAll("127.0.0.1:8787", `127.0.0.1:${port}`).replaceAll("127.0.0.1:8788", `127.0.0.1:${port + 1}`);
}

/** `npx scrip` and `npx node` as in the folder of the checkout, less the second that npx takes to find them. */
const npx = `#!/bin/sh
[ "$1" = --silent ] && shift
command=$1; shift
case $command in
  scrip) exec node '${join(root, "cli/scrip.mjs")}' "$@" ;;
  node) exec node "$@" ;;
  *) echo "npx: $command is not expected here" >&2; exit 127 ;;
esac
`;

async function run(script: string, { folder, env }: Session): Promise<string> {
  const bin = join(folder, ".bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, "npx"), npx);
  await chmod(join(bin, "npx"), 0o755);
  const path = [bin, dirname(process.execPath), process.env.PATH ?? ""].join(":");
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env: { PATH: path, ...env }, timeout: 60_000 };
    execFile("bash", ["-c", script], options, (error, stdout, stderr) => {
      if (error !== null && !stdout.includes(separator)) reject(new Error(`the shell failed: ${stderr}`));
      else resolve(stdout);
    });
  });
}

const varying: readonly [RegExp, string][] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/, "\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z"],
  [/\b(?:off|plan|prod|rm)_[0-9a-f]{8}\b/, "[a-z]+_[0-9a-f]{8}"],
  [/\b(?:key|k)_[0-9A-Za-z]{12}\b/, "[a-z]+_[0-9A-Za-z]{12}"],
  [/\bcs_test_\w+…?/, "cs_test_\\w+"],
  [/ *\b\d+(?:\.\d+)? ms/, " *\\d+(?:\\.\\d+)? ms"],
  [/…/, "\\S+"],
];
const anyVarying = new RegExp(`(${varying.map(([shown]) => shown.source).join("|")})`);

/**
 * What was printed, with each line that fits the one shown replaced by it: equal to what is shown when all of it fits. Ids,
 * times and durations may differ, and `…` stands for the rest of a word.
 */
export function asShown(printed: string, shown: string): string {
  const lines = shown.split("\n");
  return printed
    .split("\n")
    .map((line, i) => (fits(line, lines[i] ?? "") ? lines[i] : line))
    .join("\n");
}

function fits(line: string, shown: string): boolean {
  const parts = shown.split(anyVarying).map((part) => {
    const found = varying.find(([form]) => new RegExp(`^${form.source}$`).test(part));
    return found === undefined ? RegExp.escape(part) : found[1];
  });
  return new RegExp(`^${parts.join("")}$`).test(line);
}
