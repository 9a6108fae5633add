import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** An error of the compiler: the file without its ending, the line from 1, the code (`TS2322`). */
export type CompilerError = { file: string; line: number; code: string; message: string };

/** Checks sources as an author's editor would: strictly, with `mos:workflow` and the web's globals. */
export async function compile(sources: Record<string, string>): Promise<CompilerError[]> {
  const folder = await mkdtemp(join(tmpdir(), "scrip-types-"));
  try {
    await Promise.all(Object.entries(sources).map(([name, source]) => writeFile(join(folder, `${name}.ts`), source)));
    const compilerOptions = {
      target: "esnext",
      lib: ["esnext", "dom"],
      module: "nodenext",
      moduleResolution: "nodenext",
      types: [],
      strict: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      noEmit: true,
    };
    const files = [join(root, "schemas/mos-workflow.d.ts"), ...Object.keys(sources).map((name) => `${name}.ts`)];
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    return errorsIn(await output(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function output(folder: string): Promise<string> {
  const tsc = join(root, "node_modules/typescript/lib/tsc.js");
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [tsc, "--project", folder, "--pretty", "false"],
      { cwd: folder },
      (error, stdout, stderr) => {
        if (error !== null && stdout === "") reject(new Error(`the compiler did not run: ${error.message} ${stderr}`));
        else resolve(stdout);
      },
    );
  });
}

function errorsIn(text: string): CompilerError[] {
  return text
    .split("\n")
    .filter((line) => /error TS\d+/.test(line))
    .map((line) => {
      const [, path = "", at = "0", code = "", message = ""] =
        /^(.*?)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(line) ?? [];
      if (path === "") throw new Error(`the compiler says: ${line}`);
      return { file: path.replace(/^.*\//, "").replace(/\.ts$/, ""), line: Number(at), code, message };
    });
}
