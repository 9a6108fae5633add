import { type Colors, printable } from "./terminal.ts";

const linesAround = 2;
const widest = 160;

/** The lines around a place of a source, with a caret under it. Line and column are 1-based; nothing if out of range. */
export function codeFrame(
  source: string,
  { line, column }: { line: number; column: number },
  colors: Colors,
): string[] {
  const lines = source.split(/\r?\n/);
  if (line < 1 || line > lines.length) return [];
  const first = Math.max(1, line - linesAround);
  const shown = lines.slice(first - 1, line + linesAround);
  const width = String(first + shown.length - 1).length;
  return shown.flatMap((text, i) => {
    const number = first + i;
    const gutter = String(number).padStart(width);
    const code = printable(text).slice(0, widest);
    if (number !== line) return [colors.dim(`  ${gutter} │ ${code}`)];
    const pointed = `${colors.red(">")} ${gutter} ${colors.dim("│")} ${code}`;
    if (column > widest) return [pointed];
    // tabs are kept, so that the caret stands under its character whatever their width
    const space = text
      .slice(0, column - 1)
      .replace(/[^\t]/g, " ")
      .padEnd(column - 1);
    return [pointed, `  ${" ".repeat(width)} ${colors.dim("│")} ${space}${colors.red("^")}`];
  });
}
