import { readFile } from "node:fs/promises";
import { isAbsolute, relative } from "node:path";
import { codeFrame } from "./code-frame.ts";
import type { Place, Problem } from "./failure.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Problems as lines: where, what, and the code around it where it stands in a file. */
export async function problemLines(terminal: Terminal, problems: readonly Problem[]): Promise<string[]> {
  const blocks = await Promise.all(problems.map((problem) => problemBlock(terminal, problem)));
  return blocks.flat();
}

async function problemBlock(terminal: Terminal, { path, message, place }: Problem): Promise<string[]> {
  const { colors } = terminal;
  const text = printable(shortened(message));
  if (place === null) return [`  ${path === null || path === "" ? "" : `${colors.cyan(printable(path))}  `}${text}`];
  const where = `${shownPath(terminal, place.file)}:${place.line}:${place.column}`;
  return [`${colors.cyan(where)}  ${text}`, ...(await frameOf(terminal, place))];
}

/** TypeScript tells how it came to its conclusion in many steps: the first says what, and the last two say why. */
function shortened(message: string): string {
  const [first = "", ...steps] = message.split("\n");
  return [first, ...steps.slice(-2).map((step) => `    ${step.trim()}`)].join("\n");
}

async function frameOf({ colors }: Terminal, place: Place): Promise<string[]> {
  const source = await readFile(place.file, "utf8").catch(() => "");
  return codeFrame(source, place, colors);
}

/** A file as the operator would type it: from the current folder, unless it is elsewhere. */
export function shownPath({ cwd }: Terminal, file: string): string {
  const path = relative(cwd, file);
  return path.startsWith("..") || isAbsolute(path) || path === "" ? file : path;
}
