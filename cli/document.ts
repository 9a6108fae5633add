import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import * as v from "valibot";
import { JsonObject } from "../schemas/json.ts";
import { CommandFailure, type Problem, unreadable } from "./failure.ts";

/** A method's workflow that stands in a file of its own, named from the document's folder. */
const FileReference = v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) });
const ReferringMethod = v.looseObject({ slug: v.string(), workflow: FileReference });
const Methods = v.looseObject({ redemptionMethods: v.array(v.unknown()) });

/**
 * The configuration as it stands in files: `config` is what a server takes, with every workflow's source in its place;
 * `workflowFiles` names the file, if it is in one, of each redemption method by its position.
 */
export type ConfigDocument = { file: string; config: JsonObject; workflowFiles: (string | null)[] };

/** Reads a document and the workflows that it refers to. Fails with every file that cannot be read. */
export async function readDocument(file: string): Promise<ConfigDocument> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new CommandFailure("document_unreadable", `Cannot read ${file}: ${unreadable(error)}`, {
      hint: "Get it from the server with `scrip config pull`, or name another file",
    });
  });
  const config = await parseDocument(file, text);
  const methods = v.safeParse(Methods, config);
  if (!methods.success) return { file, config, workflowFiles: [] };
  const read = await Promise.all(methods.output.redemptionMethods.map((method, i) => readMethod(file, method, i)));
  const problems = read.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  if (problems.length > 0) {
    throw new CommandFailure("document_unreadable", `${file} refers to files that cannot be used`, { problems });
  }
  const redemptionMethods = v.parse(
    v.array(JsonObject),
    read.map(({ method }) => method),
  );
  return { file, config: { ...config, redemptionMethods }, workflowFiles: read.map(({ source }) => source) };
}

/** The workflow files that a document refers to, by method; none when the document is not there or not readable. */
export async function workflowReferences(file: string): Promise<Map<string, string>> {
  const text = await readFile(file, "utf8").catch(() => "");
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Methods), text);
  const methods = parsed.success ? parsed.output.redemptionMethods : [];
  const references = methods.flatMap((method) => {
    const referring = v.safeParse(ReferringMethod, method);
    if (!referring.success) return [];
    const { slug, workflow } = referring.output;
    return isInside(dirname(file), workflow.file) ? [[slug, workflow.file] as const] : [];
  });
  return new Map(references);
}

async function parseDocument(file: string, text: string): Promise<JsonObject> {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), JsonObject), text);
  if (parsed.success) return parsed.output;
  throw new CommandFailure("document_unreadable", `${file} is not a JSON object`, {
    problems: await jsonProblems(file, text),
  });
}

/** Where a text is not JSON. JSON.parse tells the place of some errors only; esbuild, of all. */
async function jsonProblems(file: string, text: string): Promise<Problem[]> {
  const { transform } = await import("esbuild");
  const errors = await transform(text, { loader: "json", logLevel: "silent" }).then(
    () => [],
    (error: unknown) => v.parse(EsbuildFailure, error).errors,
  );
  return errors.map(({ text: message, location }) => ({
    message,
    path: null,
    place: location === null ? null : { file, line: location.line, column: location.column + 1 },
  }));
}

const EsbuildFailure = v.object({
  errors: v.array(
    v.object({ text: v.string(), location: v.nullable(v.object({ line: v.number(), column: v.number() })) }),
  ),
});

type ReadMethod = { method: unknown; source: string | null; problem: Problem | null };

async function readMethod(documentFile: string, method: unknown, position: number): Promise<ReadMethod> {
  const referring = v.safeParse(ReferringMethod, method);
  if (!referring.success) return { method, source: null, problem: null };
  const named = referring.output.workflow.file;
  const folder = dirname(documentFile);
  const source = resolve(folder, named);
  const wrong = (message: string): ReadMethod => {
    const path = `redemptionMethods.${position}.workflow`;
    return { method, source, problem: { path, message, place: null } };
  };
  if (!isInside(folder, named)) return wrong(`${named} is outside the document's folder`);
  try {
    return { method: { ...referring.output, workflow: await readFile(source, "utf8") }, source, problem: null };
  } catch (error) {
    return wrong(`cannot read ${named}: ${unreadable(error)}`);
  }
}

/** A document that came from somewhere must not send other files of this machine to a server. */
function isInside(folder: string, named: string): boolean {
  const path = relative(folder, resolve(folder, named));
  return path !== "" && path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}
