import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** A document of this project, by its path from the root. */
export function readDocument(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Every document of this project that people read, by its path from the root. */
export function documents(): string[] {
  const exclude = ["node_modules/**", "**/node_modules/**", "data/**", "site/**"];
  return globSync("**/*.md", { cwd: root, exclude }).sort();
}

/** A fenced block with the comment that stands on the line before it: `<!-- run -->`. Line counts from 1. */
export type MarkedBlock = { mark: string; language: string; text: string; line: number };

const pattern = /^<!-- ([^\n]+?) -->(?:\n```(\w*)\n([\s\S]*?)\n```$)?/gm;

/** The marked blocks of a document, in order; a mark without a block, as `edit` is, has no text. */
export function markedBlocks(markdown: string): MarkedBlock[] {
  return [...markdown.matchAll(pattern)].map(({ 1: mark = "", 2: language = "", 3: text = "", index }) => ({
    mark,
    language,
    text,
    line: markdown.slice(0, index).split("\n").length,
  }));
}

/** The one marked block of a name. */
export function markedBlock(markdown: string, mark: string): string {
  const [block, ...others] = markedBlocks(markdown).filter((one) => one.mark === mark);
  if (block === undefined || others.length > 0) throw new Error(`there is not one block marked "${mark}"`);
  return block.text;
}

/** The rows of the table that follows a mark, each as its cells; backticks are kept. The head is the first row. */
export function markedTable(markdown: string, mark: string): string[][] {
  const [, after] = markdown.split(`<!-- ${mark} -->\n`);
  if (after === undefined) throw new Error(`there is no table marked "${mark}"`);
  const lines = after.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  const rows = lines.slice(0, end).map((line) =>
    line
      .slice(1, line.lastIndexOf("|"))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll("\\|", "|")),
  );
  return rows.filter(([first]) => !/^-+$/.test(first ?? ""));
}

/** The text between backticks, or the text itself. */
export function plain(cell: string | undefined): string {
  return /^`([^`]*)`$/.exec(cell ?? "")?.[1] ?? cell ?? "";
}
