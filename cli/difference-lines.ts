import { structuredPatch } from "diff";
import type { Json } from "../schemas/json.ts";
import type { Difference } from "./server.ts";
import { type Colors, printable } from "./terminal.ts";

const inlineChars = 60;
const mostLines = 60;

/** The differences as coloured lines: short values beside each other, longer ones and sources line by line. */
export function differenceLines(
  differences: readonly Difference[],
  colors: Colors,
  fileOf: (path: string) => string | null,
): string[] {
  return differences.flatMap((entry) => [...entryLines(entry, colors, fileOf(entry.path))]);
}

/** How much is different, in words. */
export function differenceCount(differences: readonly Difference[]): string {
  return (["added", "removed", "changed"] as const)
    .map((op) => ({ op, n: differences.filter((entry) => entry.op === op).length }))
    .filter(({ n }) => n > 0)
    .map(({ op, n }) => `${n} ${op}`)
    .join(", ");
}

function entryLines({ op, path, before, after }: Difference, colors: Colors, file: string | null): string[] {
  const name = `${colors.bold(printable(path))}${file === null ? "" : colors.dim(`  ${file}`)}`;
  const [was, is] = [textOf(before), textOf(after)];
  if (op === "changed") {
    if (isInline(was) && isInline(is)) {
      return [`${colors.yellow("~")} ${name}  ${colors.red(was)} ${colors.dim("→")} ${colors.green(is)}`];
    }
    return [`${colors.yellow("~")} ${name}`, ...patchLines(was, is, colors)];
  }
  const [sign, text, color] = op === "added" ? ["+", is, colors.green] : ["-", was, colors.red];
  if (isInline(text)) return [`${color(sign)} ${name}  ${color(text)}`];
  return [`${color(sign)} ${name}`, ...bounded(text.split("\n").map((line) => color(`    ${sign} ${line}`)))];
}

function patchLines(was: string, is: string, colors: Colors): string[] {
  const { hunks } = structuredPatch("", "", was, is, "", "", { context: 2 });
  const lines = hunks.flatMap(({ oldStart, newStart, lines: body }) => [
    colors.cyan(`    @@ line ${oldStart} → ${newStart} @@`),
    ...body.map((line) => paintLine(line, colors)),
  ]);
  return bounded(lines);
}

function paintLine(line: string, colors: Colors): string {
  const text = `    ${line.slice(0, 1)} ${line.slice(1)}`;
  if (line.startsWith("+")) return colors.green(text);
  return line.startsWith("-") ? colors.red(text) : colors.dim(text);
}

function bounded(lines: string[]): string[] {
  if (lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), `    … and ${lines.length - mostLines} lines more (--json shows all)`];
}

/** Sources and other texts of several lines as they are; every other value as JSON. */
function textOf(value: Json | undefined): string {
  if (typeof value === "string" && value.includes("\n")) return printable(value);
  const compact = JSON.stringify(value) ?? "";
  return printable(compact.length <= inlineChars ? compact : JSON.stringify(value, null, 2));
}

function isInline(text: string): boolean {
  return text.length <= inlineChars && !text.includes("\n");
}
