import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";

/** What a sandbox process is started with: its program, the guest's prelude, and the folders that it may read. */
export type ChildProgram = { program: string; prelude: string; readable: string[] };

let program: Promise<ChildProgram> | undefined;

/**
 * Bundles the sandbox process's program and the guest's prelude from their TypeScript, once per engine process.
 * Node cannot do it there: type stripping is WebAssembly, which `--jitless` takes away. As text the program also
 * needs no right to read the application's folder, which may hold secrets.
 */
export function childProgram(): Promise<ChildProgram> {
  program ??= bundle();
  return program;
}

async function bundle(): Promise<ChildProgram> {
  const require = createRequire(import.meta.url);
  // real paths: the process may read these folders and no link on the way to them
  const library = realpathSync(require.resolve("isolated-vm"));
  const loader = realpathSync(createRequire(library).resolve("node-gyp-build"));
  const [child, prelude] = await Promise.all([bundleChild(library), bundlePrelude()]);
  return { program: child, prelude, readable: [join(dirname(library), "*"), join(dirname(loader), "*")] };
}

async function bundleChild(library: string): Promise<string> {
  const nativeLibrary: Plugin = {
    name: "native-library",
    setup(setup) {
      setup.onResolve({ filter: /^isolated-vm$/ }, () => ({ path: library, external: true }));
    },
  };
  return textOf({ entry: "child.ts", format: "cjs", platform: "node", plugins: [nativeLibrary] });
}

async function bundlePrelude(): Promise<string> {
  const text = await textOf({ entry: "guest/entry.ts", format: "iife", platform: "neutral", plugins: [] });
  return `(function(){"use strict";${text}return prelude.enter;})()`;
}

type Bundle = { entry: string; format: "cjs" | "iife"; platform: "node" | "neutral"; plugins: Plugin[] };

async function textOf({ entry, format, platform, plugins }: Bundle): Promise<string> {
  const built = await build({
    entryPoints: [join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    format,
    platform,
    plugins,
    globalName: format === "iife" ? "prelude" : undefined,
    target: "esnext",
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: "silent",
    tsconfigRaw: {},
  });
  const [file] = built.outputFiles;
  if (!file) throw new Error(`esbuild made nothing of ${entry}`);
  return file.text;
}
