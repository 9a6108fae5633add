import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { PartName } from "./guest/parts.ts";
import { preludeLibraries } from "./prelude-libraries.ts";
import type { GuestModules } from "./worker-loader.ts";

/** What a sandbox process is started with: its program, the guest's prelude, and the folders that it may read. */
export type ChildProgram = { program: string; prelude: string; readable: string[] };

const partNames: PartName[] = [
  "capabilities",
  "crypto",
  "domain-names",
  "encoding",
  "fetch",
  "structured-clone",
  "subtle-crypto",
  "url",
];

let program: Promise<ChildProgram> | undefined;

/**
 * Bundles the sandbox process's program and the guest's prelude from their TypeScript, once per engine process.
 * Node cannot do it there: type stripping is WebAssembly, which `--jitless` takes away. As text the program also
 * needs no right to read the application's folder, which may hold secrets.
 */
export function childProgram(): Promise<ChildProgram> {
  program ??= bundle().catch((error: unknown) => {
    // what went wrong may pass, such as a want of descriptors
    program = undefined;
    throw error;
  });
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
  const [main, outer, ...parts] = await Promise.all([
    bundleGuest("entry"),
    bundleGuest("outer-lockdown"),
    ...partNames.map(bundlePart),
  ]);
  const outerLockdown = JSON.stringify(`"use strict";${outer}`);
  const state = `let way;const admit=(enter)=>{way=enter},outerLockdown=${outerLockdown},parts={${parts.join()}};`;
  return `(function(){"use strict";${state}${main}return way;})()`;
}

async function bundlePart(name: PartName): Promise<string> {
  return `${JSON.stringify(name)}(core){${await partText(name)}}`;
}

function partText(name: PartName): Promise<string> {
  return bundleGuest(name, [preludeLibraries(), onlyTypesOfPrelude]);
}

function bundleGuest(name: string, plugins: Plugin[] = []): Promise<string> {
  return textOf({ entry: `guest/${name}.ts`, format: "iife", platform: "neutral", plugins });
}

/**
 * The same prelude for guests that are Workers: `scrip:prelude-main` is where they begin. Each part is a module of its own,
 * which is read when it is asked for: all of them are 330 kB, and reading those would be most of what a run takes.
 */
export async function bundleGuestModules(): Promise<GuestModules> {
  const external = ["cloudflare:workers", "scrip:prelude", "workflow.js"];
  const [main, entry, ...parts] = await Promise.all([
    textOf({ entry: "guest/worker-main.ts", format: "esm", platform: "neutral", plugins: [], external }),
    bundleGuest("entry"),
    ...partNames.map(partText),
  ]);
  const asked = partNames.map((name) => `${JSON.stringify(name)}(core){require("scrip:prelude-${name}")(core)}`);
  // there is no outer realm that anybody would seal
  const prelude = `let way;const admit=(enter)=>{way=enter},outerLockdown="",parts={${asked.join()}};${entry}return way;`;
  return {
    "scrip:prelude-main": { js: main },
    "scrip:prelude": { cjs: `"use strict";module.exports=function(){${prelude}}` },
    ...Object.fromEntries(
      partNames.map((name, i) => [
        `scrip:prelude-${name}`,
        { cjs: `"use strict";module.exports=function(core){${parts[i]}}` },
      ]),
    ),
  };
}

/** A second copy of the prelude's files would have a state of its own. */
const onlyTypesOfPrelude: Plugin = {
  name: "only-types-of-prelude",
  setup(setup) {
    setup.onLoad(
      { filter: /[\\/]guest[\\/](?:chance|clock|dom-exception|globals|host-calls|outbox|parts)\.ts$/ },
      () => ({
        errors: [{ text: "a part takes this from `core`" }],
      }),
    );
  },
};

type Bundle = {
  entry: string;
  format: "cjs" | "iife" | "esm";
  platform: "node" | "neutral";
  plugins: Plugin[];
  external?: string[];
};

async function textOf({ entry, format, platform, plugins, external = [] }: Bundle): Promise<string> {
  const built = await build({
    entryPoints: [join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    format,
    platform,
    plugins,
    external,
    target: "esnext",
    minifyWhitespace: true,
    minifySyntax: true,
    // the prelude is kept once per isolate, and nobody reads its stack traces
    minifyIdentifiers: format !== "cjs",
    // CommonJS libraries have no other field
    mainFields: ["main"],
    logLevel: "silent",
    tsconfigRaw: {},
  });
  const [file] = built.outputFiles;
  if (!file) throw new Error(`esbuild made nothing of ${entry}`);
  return file.text;
}
