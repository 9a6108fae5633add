import type { Plugin } from "esbuild";

/** What a module without a default export is told. */
export const noDefaultExport = "the module has no default export: export the workflow's function by default";

/** What a use of the module system is told, with esbuild's own words after it. */
export function onlyTypes(text: string): string {
  return `a workflow is one module: nothing can be imported but types from "mos:workflow" (${text})`;
}

/**
 * An esbuild plugin that serves the author's source, and an entry that leaves its default export in `globalThis.__workflow`.
 * It refuses every other import. `seen` lets an import statement of "mos:workflow" pass, `used` does not: by then the
 * imports of types are gone, and what is left of it asks for a value.
 */
export function workflowImports(source: string, pass: "seen" | "used"): Plugin {
  return {
    name: "workflow-imports",
    setup(setup) {
      setup.onResolve({ filter: /.*/ }, ({ path, kind, importer, namespace }) => {
        if (kind === "entry-point") return { path: "entry.ts", namespace: "scrip" };
        if (namespace === "scrip" && importer === "entry.ts") return { path: "workflow.ts", namespace: "author" };
        if (path !== "mos:workflow") return { errors: [{ text: onlyTypes(`"${path}" is refused`) }] };
        if (pass === "seen" && kind === "import-statement") return { path, external: true };
        return { errors: [{ text: '"mos:workflow" has types only: use `import type`' }] };
      });
      setup.onLoad({ filter: /.*/, namespace: "scrip" }, () => ({
        contents: 'import workflow from "author:workflow"; globalThis.__workflow = workflow;',
        loader: "js",
      }));
      // the last line makes it an ES module to esbuild, whatever the author wrote
      const contents = `${source}\nexport {};`;
      setup.onLoad({ filter: /.*/, namespace: "author" }, () => ({ contents, loader: "ts" }));
    },
  };
}
