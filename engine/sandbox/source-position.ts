import { SourceMap } from "node:module";
import * as v from "valibot";

/** A place in a text, both numbers counted from 1. */
export type Position = { line: number; column: number };

const MapText = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ version: v.number(), sources: v.array(v.string()), names: v.array(v.string()), mappings: v.string() }),
);

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

function readMap(sourceMap: string): SourceMap {
  const payload = v.parse(MapText, sourceMap);
  return new SourceMap({ ...payload, file: "workflow.js", sourceRoot: "", sourcesContent: [] });
}

function positionIn(map: SourceMap, { line, column }: Position): Position | undefined {
  const entry = map.findEntry(line - 1, column - 1);
  if (!("originalLine" in entry) || !entry.originalSource.endsWith("workflow.ts")) return undefined;
  return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}
