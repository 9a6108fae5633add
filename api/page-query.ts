import type { Context } from "hono";
import * as v from "valibot";
import { ScripError } from "../engine/error.ts";
import { issuesOf } from "../engine/issues.ts";
import type { Cursor, PageWanted } from "../engine/page.ts";

const CursorText = v.pipe(
  v.string(),
  v.regex(/^[0-9a-z]{1,10}\.[0-9a-z]{1,10}$/, "must be the next of the page before"),
  v.transform((text) => {
    const [createdAt = 0, row = 0] = text.split(".").map((part) => Number.parseInt(part, 36));
    return { createdAt, row };
  }),
);

/** The query parameters of a list that comes in pages, for its schema. */
export const pageFields = {
  cursor: v.optional(v.nullable(CursorText), null),
  limit: v.pipe(
    v.optional(v.string(), "50"),
    v.regex(/^([1-9]\d?|1\d\d|200)$/, "must be a number from 1 to 200"),
    v.transform(Number),
  ),
};

/** The same for `/openapi.json`. */
export const pageWords = {
  cursor: "The `next` of the page before",
  limit: "At most so many, 1 to 200; 50 when left out",
};

/** The end of an answer that is a page: what `cursor` leads to the next one, null on the last. */
export const Next = v.nullable(v.string());

/** A cursor as answers carry it. */
export function nextText(next: Cursor | null): v.InferOutput<typeof Next> {
  return next === null ? null : `${next.createdAt.toString(36)}.${next.row.toString(36)}`;
}

/** What a query says of its page. */
export function pageIn({ cursor, limit }: PageWanted): PageWanted {
  return { cursor, limit };
}

/** Parses the query of a request. Throws `invalid_body` with its issues: a filter that is misspelt would filter nothing. */
export function readQuery<const T extends v.GenericSchema>(c: Context, schema: T): v.InferOutput<T> {
  const parsed = v.safeParse(schema, c.req.query());
  if (parsed.success) return parsed.output;
  const issues = issuesOf(parsed.issues);
  const [first] = issues;
  throw new ScripError("invalid_body", `Invalid query at ${first?.path}: ${first?.message}`, { issues });
}
