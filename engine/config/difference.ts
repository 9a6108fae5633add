import diff from "microdiff";
import type { Json, JsonObject } from "../../schemas/json.ts";

/** One thing that differs between two documents. List members are named by their slug: `offers.premium.limits.total`. */
export type Difference = { op: "added" | "removed" | "changed"; path: string; before?: Json; after?: Json };

const words = { CREATE: "added", REMOVE: "removed", CHANGE: "changed" } as const;

/** What changes when `after` takes the place of `before`; nothing when they say the same. */
export function difference(before: JsonObject, after: JsonObject): Difference[] {
  const changes = diff(named(before), named(after), { cyclesFix: false }).map(
    (entry): Difference => ({
      op: words[entry.type],
      path: entry.path.join("."),
      ...(entry.type === "CREATE" ? {} : { before: entry.oldValue }),
      ...(entry.type === "REMOVE" ? {} : { after: entry.value }),
    }),
  );
  return [...changes, ...moves(before, after, "")];
}

/** Lists of the same members in another order: the order of slots and offers is what a visitor sees first. */
function moves(before: Json | undefined, after: Json, path: string): Difference[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    const [was, is] = [before.map(nameOf), after.map(nameOf)];
    const moved = was.join() !== is.join() && [...was].sort().join() === [...is].sort().join();
    const own: Difference[] = moved ? [{ op: "changed", path: `${path} (order)`, before: was, after: is }] : [];
    return [
      ...own,
      ...after.flatMap((item, i) => moves(before[was.indexOf(is[i] ?? null)], item, `${path}.${is[i] ?? i}`)),
    ];
  }
  if (!isObject(before) || !isObject(after)) return [];
  return Object.entries(after).flatMap(([key, value]) =>
    moves(before[key], value, path === "" ? key : `${path}.${key}`),
  );
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lists whose members have a name become objects by that name, so that moving a member changes nothing else. */
function named(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, namedValue(inner)]));
}

function namedValue(value: Json): Json {
  if (Array.isArray(value)) {
    const names = value.map(nameOf);
    const members = value.map(namedValue);
    if (value.length === 0 || names.some((name) => name === null) || new Set(names).size < names.length) return members;
    return Object.fromEntries(members.map((member, i) => [names[i] ?? "", member]));
  }
  return typeof value === "object" && value !== null ? named(value) : value;
}

function nameOf(value: Json): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const name = value.slug ?? value.key ?? value.id;
  return typeof name === "string" ? name : null;
}
