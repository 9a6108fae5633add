import type { Context } from "./context.ts";
import { invalid, noSuch, onlyOneOf } from "./errors.ts";
import type { ObjectQuery, TimeRange } from "./objects.ts";
import type { Kind, RecordOf } from "./records.ts";

/** The parameters every list endpoint has (Stripe API reference, "Pagination"). */
export interface PageParams {
  limit?: number;
  starting_after?: string;
  ending_before?: string;
}

/** `{ object: "list", … }`, Stripe's list object. */
export interface Page<T> {
  object: "list";
  data: T[];
  has_more: boolean;
  url: string;
}

/**
 * One page of `records` (newest first), each turned into its answer. Throws a `StripeRefusal` for a limit outside
 * 1–100 and for a cursor that names nothing in the list.
 */
export function pageOf<R extends { id: string }, T>(
  records: readonly R[],
  answer: (record: R) => T,
  { params, url, kind }: { params: PageParams; url: string; kind: string },
): Page<T> {
  const { limit = 10, starting_after: after, ending_before: before } = params;
  checkLimit(limit);
  const window = cut(records, { after, before, kind });
  const data = before === undefined ? window.slice(0, limit) : window.slice(-limit);
  return { object: "list", data: data.map(answer), has_more: window.length > data.length, url };
}

/** What a page of remembered objects shows. */
export interface Listing<K extends Kind, T> {
  kind: K;
  /** How Stripe calls the kind when a cursor names none of it. */
  name: string;
  url: string;
  params: PageParams & { created?: TimeRange };
  /** Found by index. */
  by?: ObjectQuery["by"];
  /** Looked at one by one, within what was found. */
  only?: (record: RecordOf<K>) => boolean;
  answer: (record: RecordOf<K>) => T;
}

/** One page of objects out of the store, newest first: no more of them are read than it takes. */
export function listPage<K extends Kind, T>({ store }: Context, listing: Listing<K, T>): Page<T> {
  const { kind, name, url, params, by, only = () => true, answer } = listing;
  const { limit = 10, created, starting_after: after, ending_before: before } = params;
  checkPage(params, (id) => store.get(kind, id) !== undefined, name);
  const found: RecordOf<K>[] = [];
  for (const record of store.scan(kind, { ...(by && { by }), created, after, before })) {
    if (only(record)) {
      found.push(record);
    }
    if (found.length > limit) {
      break;
    }
  }
  const shown = found.slice(0, limit);
  const data = before === undefined ? shown : shown.reverse();
  return { object: "list", data: data.map(answer), has_more: found.length > limit, url };
}

/** Throws a `StripeRefusal` for a limit outside 1–100, two cursors, or one that names nothing. */
export function checkPage(params: PageParams, isThere: (id: string) => boolean, name: string): void {
  const { limit = 10, starting_after, ending_before } = params;
  checkLimit(limit);
  if (starting_after !== undefined && ending_before !== undefined) {
    throw onlyOneOf("starting_after", "ending_before");
  }
  for (const [param, id] of Object.entries({ starting_after, ending_before })) {
    if (id !== undefined && !isThere(id)) {
      throw noSuch(name, id, param);
    }
  }
}

/** Whether a time (Unix seconds) is in a `created` filter. */
export function inRange(seconds: number, range: TimeRange | undefined): boolean {
  if (typeof range !== "object") {
    return range === undefined || seconds === range;
  }
  const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = range;
  return seconds > gt && seconds >= gte && seconds < lt && seconds <= lte;
}

function checkLimit(limit: number): void {
  const broken = limit < 1 ? "greater than or equal to 1" : "less than or equal to 100";
  if (limit < 1 || limit > 100) {
    throw invalid(`This value must be ${broken} (it currently is '${limit}').`, {
      code: "parameter_invalid_integer",
      param: "limit",
    });
  }
}

function cut<R extends { id: string }>(
  records: readonly R[],
  { after, before, kind }: { after: string | undefined; before: string | undefined; kind: string },
): readonly R[] {
  if (after !== undefined && before !== undefined) {
    throw onlyOneOf("starting_after", "ending_before");
  }
  const place = (id: string, param: string) => {
    const index = records.findIndex((record) => record.id === id);
    if (index < 0) {
      throw noSuch(kind, id, param);
    }
    return index;
  };
  if (after !== undefined) {
    return records.slice(place(after, "starting_after") + 1);
  }
  return before === undefined ? records : records.slice(0, place(before, "ending_before"));
}
