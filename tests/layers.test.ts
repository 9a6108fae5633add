import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import * as v from "valibot";
import { describe, expect, test } from "vitest";

/** The rules of the house, executed: who may import whom. ARCHITECTURE.md says why. */
const prose = /\/\*[\s\S]*?\*\/|^import[^;]*;|^export \{[^;]*;|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\/.*/gm;
const root = join(import.meta.dirname, "..");
const rooms = ["schemas", "engine", "api", "workflows", "cli", "demo", "local-stripe", "sdk"];
const files = rooms.flatMap((room) =>
  globSync(`${room}/**/*.ts`, { cwd: root }).filter((file) => !/\.test\.ts$|\/generated\//.test(file)),
);
const source = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
/** The code alone: without comments, texts and imports. */
const code = new Map([...source].map(([file, text]) => [file, text.replace(prose, '""')]));

const Manifest = v.object({ dependencies: v.record(v.string(), v.string()) });

/** What a file imports: project files as paths from the root, packages by their names. */
function importsOf(file: string): string[] {
  const text = source.get(file) ?? "";
  const found = [...text.matchAll(/(?:^|\n)(?:import|export)\b[^;"]*?from\s*"([^"]+)"|\bimport\("([^"]+)"\)/g)];
  return found.map(([, named, dynamic]) => {
    const specifier = named ?? dynamic ?? "";
    return specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
  });
}

/** The packages that must be installed when a file is loaded. Types alone are not loaded. */
function packagesOf(file: string): string[] {
  const text = (source.get(file) ?? "").replace(/^(?:import|export) type [^;]*;|\/\*[\s\S]*?\*\//gm, "");
  const found = text.matchAll(
    /(?:^|\n)(?:import|export)\b[^;"]*?\bfrom\s*"([^"]+)"|(?:^|\n)import "([^"]+)"|\b(?:import|require|resolve)\("([^"]+)"\)/g,
  );
  const named = [...found].map((parts) => parts.slice(1).find((part) => part !== undefined) ?? "");
  const packages = named.filter((name) => !/^[./]|:/.test(name));
  return packages.map((name) =>
    name
      .split("/")
      .slice(0, name.startsWith("@") ? 2 : 1)
      .join("/"),
  );
}

function roomOf(path: string): string {
  return path.split("/")[0] ?? "";
}

function importers(matches: (specifier: string) => boolean): string[] {
  return files.filter((file) => importsOf(file).some(matches)).sort();
}

/** The rooms that each room may import from, beside itself. */
const allowed: Record<string, string[]> = {
  schemas: [],
  engine: ["schemas"],
  workflows: [],
  "local-stripe": [],
  sdk: [],
  demo: ["schemas", "engine"],
  api: ["schemas", "engine", "demo", "local-stripe", "sdk"],
  cli: ["schemas", "engine", "api", "demo"],
};

test.each(rooms)("%s imports only from the rooms below it", (room) => {
  const strays = files
    .filter((file) => roomOf(file) === room)
    .flatMap((file) => importsOf(file).map((specifier) => ({ file, specifier })))
    .filter(({ specifier }) => rooms.includes(roomOf(specifier)) && roomOf(specifier) !== room)
    .filter(({ specifier }) => !(allowed[room] ?? []).includes(roomOf(specifier)));
  expect(strays).toEqual([]);
});

describe("a part that must stay in its place is imported", () => {
  test("isolated-vm: only by the sandbox's child process", () => {
    expect(importers((s) => s === "isolated-vm")).toEqual(["engine/sandbox/child-isolates.ts"]);
  });

  test("jose: only by the three token files, and by the demo site, which is another company", () => {
    expect(importers((s) => s === "jose")).toEqual([
      "demo/site-key.ts",
      "engine/member-jwt.ts",
      "engine/token.ts",
      "engine/user-jwt.ts",
    ]);
  });

  test("prom-client: only by the Node root's metrics, because it runs on Node alone", () => {
    expect(importers((s) => s === "prom-client")).toEqual(["api/node-metrics.ts"]);
  });

  test("hono: never by schemas or engine", () => {
    const strays = importers((s) => s === "hono" || s.startsWith("hono/") || s.startsWith("@hono/"));
    expect(strays.filter((file) => /^(schemas|engine)\//.test(file))).toEqual([]);
  });

  test("the local Stripe and the demo: in the api only by the development side of the Node root", () => {
    const strays = importers((s) => /^(local-stripe|demo)\//.test(s)).filter((file) => roomOf(file) === "api");
    expect(strays).toEqual(["api/node-demo.ts"]);
  });

  test("the browser client: only as the texts that are made of it, and only by the file that serves them", () => {
    const strays = files.filter((file) => roomOf(file) !== "sdk");
    const taken = strays.flatMap((file) => importsOf(file).map((specifier) => ({ file, specifier })));
    expect(taken.filter(({ specifier }) => specifier.startsWith("sdk/"))).toEqual([
      { file: "api/client-js.ts", specifier: "sdk/generated/bundle.ts" },
    ]);
  });

  test("packages: none by the browser client, but by what bundles it", () => {
    const own = importers((s) => !/^(sdk|schemas)\//.test(s)).filter((file) => roomOf(file) === "sdk");
    expect(own).toEqual(["sdk/build/generate.ts"]);
  });

  test("drizzle's tables and the database client: never by the api's routes", () => {
    const strays = importers(
      (s) => s.startsWith("drizzle-orm") || /^schemas\/.*tables\.ts$/.test(s) || s.startsWith("@libsql/"),
    );
    expect(strays.filter((file) => roomOf(file) === "api")).toEqual(["api/node.ts", "api/worker-isolate.ts"]);
  });

  test("the modules of Workers: only by what runs in a guest there", () => {
    expect(importers((s) => s.startsWith("cloudflare:"))).toEqual(["engine/sandbox/guest/worker-main.ts"]);
  });
});

describe("production installs no development packages, and so", () => {
  const { dependencies } = v.parse(Manifest, JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  /** What turns sources into generated files, and what types alone come from, is not there when a server runs. */
  const running = files.filter(
    (file) =>
      /^(schemas|engine|api|cli)\//.test(file) && !/^(api\/node-demo|schemas\/migrations\/bundle)\.ts$/.test(file),
  );

  test("what a server and its command run on imports dependencies alone", () => {
    const wanted = running.flatMap((file) => packagesOf(file).map((name) => ({ file, name })));
    expect(wanted.length).toBeGreaterThan(100);
    expect(wanted.filter(({ name }) => !Object.keys(dependencies).includes(name))).toEqual([
      // a dependency's own, looked for from its folder
      { file: "engine/sandbox/child-program.ts", name: "node-gyp-build" },
      // the one that whatwg-url brings
      { file: "engine/sandbox/guest/domain-names.ts", name: "tr46" },
      // the workflow itself, which the Worker Loader is given beside it
      { file: "engine/sandbox/guest/worker-main.ts", name: "workflow.js" },
    ]);
  });

  test("the demo and the local Stripe are imported when a development server starts, not before", () => {
    const importer = "api/node.ts";
    expect(importers((s) => s === "api/node-demo.ts")).toEqual([importer]);
    expect(source.get(importer)).toContain('import("./node-demo.ts")');
    expect(source.get(importer)).not.toContain('from "./node-demo.ts"');
  });
});

test("process is used only by the composition root, the command line and what runs as a process of its own", () => {
  const own =
    /^(api\/node\.ts|cli\/|engine\/sandbox\/(child|spawn-child)\.ts|local-stripe\/generate-params\.ts|schemas\/migrations\/)/;
  const users = files
    .filter((file) => /(?<![.\w])process\.(env|argv|exit|cwd|exec|std|on\()/.test(code.get(file) ?? ""))
    .filter((file) => !own.test(file));
  expect(users).toEqual([]);
});

test("no file imports itself in a circle", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file) || path.includes(file)) return;
    for (const next of importsOf(file)) if (source.has(next)) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test("no file is named after nothing", () => {
  const vague = /(^|\/)(utils?|helpers?|common|misc|index|services?|manager|repository)\.ts$/;
  expect(files.filter((file) => vague.test(file))).toEqual([]);
});

test("no type is asserted but as const", () => {
  const cast = /[\w)\]}] as (?!const\b)[A-Za-z{[(]/g;
  const casts = files.flatMap((file) =>
    [...(code.get(file) ?? "").matchAll(cast)].map(([found]) => `${file}: ${found}`),
  );
  expect(casts).toEqual([]);
});
