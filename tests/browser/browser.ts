import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver } from "playwright-core";
import * as v from "valibot";

/** A browser, or why there can be none on this machine: tests then call `ctx.skip(reason)`. */
export type Launched = { ok: true; browser: Browser } | { ok: false; reason: string };

/**
 * Launches the Chromium that the project carries. Where it cannot run (another system than Linux x64, no binary, a
 * system library that is missing) it says so; anything else that goes wrong is thrown.
 */
export async function launchBrowser(): Promise<Launched> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { ok: false, reason: `the browser is for linux x64, and this is ${process.platform} ${process.arch}` };
  }
  try {
    return { ok: true, browser: await driver.launch({ executablePath: await unpacked(), args }) };
  } catch (error) {
    const absence = absenceIn(error);
    if (absence === undefined) throw error;
    return { ok: false, reason: `the browser cannot run here: ${absence}` };
  }
}

/**
 * The package's flags but for those that would make it another browser than a reader's: without web security a page
 * sends no `Origin`, and a browser of a single process dies with its first page.
 */
const unwanted = ["--single-process", "--no-zygote", "--disable-web-security", "--allow-running-insecure-content"];
// no page of ours draws with WebGL
chromium.setGraphicsMode = false;
const args = chromium.args.filter((arg) => !unwanted.includes(arg));

const absences = /^.*(?:ENOENT|does not exist|doesn't exist|error while loading shared libraries).*$/m;

function absenceIn(error: unknown): string | undefined {
  return absences.exec(error instanceof Error ? error.message : String(error))?.[0].trim();
}

const Package = v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() }));

/**
 * The path of the unpacked binary. The package itself unpacks into the folder for temporary files, where another test
 * process would find half of it: so it is unpacked aside, and moved when it is whole.
 */
async function unpacked(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  const { version } = v.parse(Package, await readFile(join(entry, "../../../package.json"), "utf8"));
  const home = join(tmpdir(), `scrip-chromium-${version}`);
  const binary = join(home, "chromium");
  if (await exists(binary)) return binary;
  const aside = await mkdtemp(`${home}-`);
  const program =
    'import chromium from "@sparticuz/chromium"; chromium.setGraphicsMode = false; await chromium.executablePath();';
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
    env: { ...process.env, TMPDIR: aside },
  });
  await rename(aside, home).catch(async (error: unknown) => {
    await rm(aside, { recursive: true, force: true });
    if (!(await exists(binary))) throw error;
  });
  return binary;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
