import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as v from "valibot";
import { ScripError } from "../engine/error.ts";
import { issuesOf } from "../engine/issues.ts";
import { bodyTooLarge } from "./errors.ts";

/** What a site or a page may send: 256 KiB. */
export const clientBodyBytes = 256 * 1024;

/** What an operator may send: a configuration with many workflows. */
export const manageBodyBytes = 4 * 1024 * 1024;

/**
 * Refuses bodies over a limit with 413. A body that says how long it is is held to that by the HTTP server; one that
 * does not is counted as it comes, which costs a stream.
 */
export function limitBody(maxSize: number): MiddlewareHandler {
  const refuse = () => {
    throw bodyTooLarge(maxSize);
  };
  const counted = bodyLimit({ maxSize, onError: refuse });
  return (c, next) => {
    const length = c.req.header("content-length");
    if (length === undefined || c.req.header("transfer-encoding") !== undefined) return counted(c, next);
    return Number(length) > maxSize ? refuse() : next();
  };
}

/** Parses a JSON body. Throws `invalid_json`. */
export async function readJson(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new ScripError("invalid_json", "Invalid JSON body");
  }
}

/** Parses a JSON body with a schema. Throws `invalid_json`, or `invalid_body` with every issue. */
export async function readBody<const T extends v.GenericSchema>(c: Context, schema: T): Promise<v.InferOutput<T>> {
  const parsed = v.safeParse(schema, await readJson(c));
  if (parsed.success) return parsed.output;
  const issues = issuesOf(parsed.issues);
  const [first] = issues;
  const where = first === undefined || first.path === "" ? "" : ` at ${first.path}`;
  throw new ScripError("invalid_body", `Invalid body${where}: ${first?.message ?? "it does not fit"}`, { issues });
}
