import type { Context } from "hono";
import * as v from "valibot";
import { ScripError } from "../engine/error.ts";
import { issuesOf } from "../engine/issues.ts";
import { header } from "./header.ts";

/** What a site or a page may send: 256 KiB. */
export const clientBodyBytes = 256 * 1024;

/** What an operator may send: a configuration with many workflows. */
export const manageBodyBytes = 4 * 1024 * 1024;

/** Parses a JSON body. Throws `invalid_json`, or `body_too_large` before more than `mostBytes` are kept. */
export async function readJson(c: Context, mostBytes: number): Promise<unknown> {
  const text = await readText(c, mostBytes);
  try {
    return JSON.parse(text);
  } catch {
    throw new ScripError("invalid_json", "Invalid JSON body");
  }
}

/** Decodes whole bodies: without `stream` it keeps nothing from one call to the next. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The text of a body. Throws `body_too_large`, and `invalid_json` where it ends early or is not UTF-8: with U+FFFD in place
 * of what is wrong, two identifiers would become one.
 */
export async function readText(c: Context, mostBytes: number): Promise<string> {
  try {
    return await receive(c, mostBytes);
  } catch (error) {
    // a client that leaves in the middle is no fault of the server
    throw error instanceof ScripError ? error : new ScripError("invalid_json", "The body ended early");
  }
}

/** A body that says how long it is is held to that by the HTTP server; one that does not is counted as it comes. */
async function receive(c: Context, mostBytes: number): Promise<string> {
  const length = header(c, "content-length");
  if (Number(length ?? 0) > mostBytes) throw tooLarge(mostBytes);
  if (length !== undefined && header(c, "transfer-encoding") === undefined) {
    const bytes = await c.req.arrayBuffer();
    return inUtf8(() => utf8.decode(bytes));
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength;
    if (size > mostBytes) throw tooLarge(mostBytes);
    text += inUtf8(() => decoder.decode(chunk, { stream: true }));
  }
  return text + inUtf8(() => decoder.decode());
}

function inUtf8(decode: () => string): string {
  try {
    return decode();
  } catch {
    throw new ScripError("invalid_json", "The body is not UTF-8");
  }
}

function tooLarge(mostBytes: number): ScripError {
  return new ScripError("body_too_large", `The body is too large: at most ${mostBytes / 1024} KiB`);
}

/** A body that is wrong everywhere is told so in its first hundred places. */
const mostIssues = 100;

/** Parses a JSON body with a schema. Throws `invalid_json`, or `invalid_body` with its issues. */
export async function readBody<const T extends v.GenericSchema>(
  c: Context,
  schema: T,
  mostBytes: number,
): Promise<v.InferOutput<T>> {
  const parsed = v.safeParse(schema, await readJson(c, mostBytes));
  if (parsed.success) return parsed.output;
  const issues = issuesOf(parsed.issues.slice(0, mostIssues));
  const [first] = issues;
  const where = first === undefined || first.path === "" ? "" : ` at ${first.path}`;
  throw new ScripError("invalid_body", `Invalid body${where}: ${first?.message ?? "it does not fit"}`, { issues });
}
