import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { workflowGlobals } from "./workflow-globals.ts";

/** How a workflow is type-checked, in the editor and by `scrip method check` alike: what the sandbox has, no more. */
export const workflowCompilerOptions = {
  target: "esnext",
  lib: ["es2025", "esnext.array", "esnext.collection", "esnext.disposable", "esnext.error", "esnext.typedarrays"],
  module: "esnext",
  moduleResolution: "bundler",
  moduleDetection: "force",
  types: [],
  strict: true,
  allowJs: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
} as const;

/** The files that tell an editor what a workflow may use, by name: the published types, and the sandbox's globals. */
export async function workflowTypes(packageDir: string): Promise<Map<string, string>> {
  const published = await readFile(join(packageDir, "schemas", "mos-workflow.d.ts"), "utf8");
  return new Map([
    ["mos-workflow.d.ts", published],
    ["workflow-globals.d.ts", workflowGlobals],
  ]);
}

/** A `tsconfig.json` for a folder of workflows. */
export function workflowTsconfig(include: readonly string[]): string {
  return `${JSON.stringify({ compilerOptions: workflowCompilerOptions, include }, null, 2)}\n`;
}
