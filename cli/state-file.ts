import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { isMissingFile } from "./failure.ts";

/** An environment of a server. */
export type Source = { url: string; environmentId: string };

/** A file's hash when it was last in step: as it stood `here`, and as the server's configuration would be written. */
const InStep = v.object({ here: v.string(), there: v.string() });
export type InStep = v.InferOutput<typeof InStep>;

/** When a document and an environment were last in step: the version, and each file by its path from the document. */
const Pulled = v.object({ version: v.number(), files: v.record(v.string(), InStep) });
export type Pulled = v.InferOutput<typeof Pulled>;

const Entry = v.object({ document: v.string(), url: v.string(), environmentId: v.string(), ...Pulled.entries });
type Entry = v.InferOutput<typeof Entry>;

/** What `.scrip/state.json` beside a document remembers of its last pull or push with an environment; null if nothing. */
export async function readState(documentFile: string, source: Source): Promise<Pulled | null> {
  const entries = await readEntries(documentFile);
  return entries.find((entry) => isOf(entry, documentFile, source)) ?? null;
}

/** Remembers a pull or push. The folder keeps itself out of git. */
export async function writeState(documentFile: string, source: Source, pulled: Pulled): Promise<void> {
  const folder = stateFolder(documentFile);
  const others = (await readEntries(documentFile)).filter((entry) => !isOf(entry, documentFile, source));
  const entry = { document: basename(documentFile), url: source.url, environmentId: source.environmentId, ...pulled };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, ".gitignore"), "*\n");
  await writeFile(join(folder, "state.json"), `${JSON.stringify([...others, entry], null, 2)}\n`);
}

/** The hash by which a file is known to be unchanged. */
export function contentHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isOf(entry: Entry, documentFile: string, { url, environmentId }: Source): boolean {
  return entry.document === basename(documentFile) && entry.url === url && entry.environmentId === environmentId;
}

async function readEntries(documentFile: string): Promise<Entry[]> {
  const text = await readFile(join(stateFolder(documentFile), "state.json"), "utf8").catch((error: unknown) => {
    if (isMissingFile(error)) return "[]";
    throw error;
  });
  // what cannot be understood is as good as nothing remembered: the commands ask more then, and lose nothing
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), v.array(Entry)), text);
  return parsed.success ? parsed.output : [];
}

function stateFolder(documentFile: string): string {
  return join(dirname(documentFile), ".scrip");
}
