import * as v from "valibot";

/** A place in a text, both numbers counted from 1. */
export type Position = { line: number; column: number };

const MapText = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ version: v.literal(3), sources: v.array(v.string()), mappings: v.string() }),
);

/** What a source map says of the place `column` (from 0) of a compiled line. */
type Segment = { column: number; source: string | undefined; position: Position };

/**
 * The place in the author's TypeScript of a place in the compiled script, or undefined when there is none (code that
 * the compiler added). `sourceMap` is `CompiledWorkflow.sourceMap`; throws a ValiError when it is no source map.
 */
export function sourcePosition(sourceMap: string, compiled: Position): Position | undefined {
  return positionIn(readMap(sourceMap), compiled);
}

/** Rewrites each `workflow.js:line:column` of a stack to `workflow.ts` and the author's place. */
export function sourceStack(sourceMap: string, stack: string): string {
  const map = readMap(sourceMap);
  return stack.replace(/workflow\.js:(\d+):(\d+)/g, (place, line: string, column: string) => {
    const position = positionIn(map, { line: Number(line), column: Number(column) });
    return position ? `workflow.ts:${position.line}:${position.column}` : place;
  });
}

/**
 * A stack, or a text with stacks in it, as its author may read it: places in the author's TypeScript, without the frames of
 * what the compiler and the sandbox put around the workflow.
 */
export function readableStack(sourceMap: string, text: string): string {
  if (!/workflow\.js:\d|scrip:prelude/.test(text)) return text;
  const lines = sourceStack(sourceMap, text).split("\n");
  return lines.filter((line) => !/^\s*at .*(?:workflow\.js:\d+|scrip:prelude)/.test(line)).join("\n");
}

/** The segments of each line. Every number is the difference to the one before it in the whole map, columns to that of their line (ECMA-426). */
function readMap(sourceMap: string): Segment[][] {
  const { sources, mappings } = v.parse(MapText, sourceMap);
  let [source, line, column] = [0, 0, 0];
  return mappings.split(";").map((text) => {
    let compiledColumn = 0;
    return (text === "" ? [] : text.split(",")).map((segment) => {
      const [columns = 0, ...original] = numbersOf(segment);
      compiledColumn += columns;
      if (original.length === 0) return { column: compiledColumn, source: undefined, position: { line: 0, column: 0 } };
      source += original[0] ?? 0;
      line += original[1] ?? 0;
      column += original[2] ?? 0;
      return { column: compiledColumn, source: sources[source], position: { line: line + 1, column: column + 1 } };
    });
  });
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 VLQ: five bits a digit, the lowest first, the sixth says that more follow; the number's lowest bit is its sign. */
function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const char of segment) {
    const digit = digits.indexOf(char);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

/** The last segment that begins at the place or before it, in earlier lines too: what the compiler added itself has none of its own. */
function positionIn(map: readonly Segment[][], { line, column }: Position): Position | undefined {
  const before = map.slice(0, line - 1).flat();
  const found = map[line - 1]?.findLast((segment) => segment.column <= column - 1) ?? before.at(-1);
  return found?.source?.endsWith("workflow.ts") ? found.position : undefined;
}
