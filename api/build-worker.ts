import { cp, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { bundleGuestModules } from "../engine/sandbox/child-program.ts";

/** The folder that `wrangler.toml` deploys. */
const folder = join(import.meta.dirname, "../dist/worker");

/** Those of Swagger UI's files that `/docs` asks for. */
const assets = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/**
 * Bundles a Worker from its TypeScript, the texts of its guests included. By esbuild and not by wrangler, which cannot run
 * the bundling of the guest's prelude; nothing is put in the place of Node's modules, of which workerd has its own.
 */
export async function bundleWorker(entry: string = join(import.meta.dirname, "worker.ts")): Promise<string> {
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "esnext",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["module", "main"],
    external: ["node:*", "cloudflare:workers"],
    plugins: [guestTexts, countersAlone, absentVendors],
    minify: true,
    legalComments: "none",
    logLevel: "silent",
    tsconfigRaw: {},
  });
  const [file] = built.outputFiles;
  if (file === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  return file.text;
}

const guestTexts: Plugin = {
  name: "guest-texts",
  setup(setup) {
    setup.onResolve({ filter: /^scrip:guest$/ }, ({ path }) => ({ path, namespace: "guest-texts" }));
    setup.onLoad({ filter: /.*/, namespace: "guest-texts" }, async () => {
      return { contents: JSON.stringify(await bundleGuestModules()), loader: "json" };
    });
  },
};

/** Of this package only the counters in memory are used; its index reads those of every database and of Node's clusters too. */
const countersAlone: Plugin = {
  name: "counters-alone",
  setup(setup) {
    const used = ["RateLimiterMemory", "RateLimiterRes"];
    setup.onResolve({ filter: /^rate-limiter-flexible$/ }, ({ path }) => ({ path, namespace: "counters" }));
    setup.onLoad({ filter: /.*/, namespace: "counters" }, ({ path }) => ({
      contents: used.map((name) => `export { default as ${name} } from "${path}/lib/${name}.js";`).join("\n"),
      resolveDir: import.meta.dirname,
    }));
  },
};

/** hono-openapi can describe the schemas of several libraries, and asks for each only where one of its schemas comes. */
const absentVendors: Plugin = {
  name: "absent-vendors",
  setup(setup) {
    setup.onResolve({ filter: /^(?:effect|sury|zod\/v4\/core|zod-to-json-schema|zod-openapi)$/ }, ({ path }) => ({
      path,
      namespace: "absent",
    }));
    setup.onLoad({ filter: /.*/, namespace: "absent" }, () => ({ contents: "export default undefined;" }));
  },
};

/** Writes the Worker and the files that are served beside it. */
async function write(): Promise<void> {
  const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  const served = join(folder, "assets/docs/assets");
  await mkdir(served, { recursive: true });
  await Promise.all(assets.map((name) => cp(join(swagger, name), join(served, name))));
  await writeFile(join(folder, "worker.js"), await bundleWorker());
}

if (import.meta.main) await write();
