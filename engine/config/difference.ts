import diff from "microdiff";
import type { Json, JsonObject } from "../../schemas/json.ts";

/** One thing that differs between two documents. List members are named by their slug: `offers.premium.limits.total`. */
export type Difference = { op: "added" | "removed" | "changed"; path: string; before?: Json; after?: Json };

const words = { CREATE: "added", REMOVE: "removed", CHANGE: "changed" } as const;

/** What changes when `after` takes the place of `before`; nothing when they say the same. */
export function difference(before: JsonObject, after: JsonObject): Difference[] {
  const changes = diff(named(before, after), named(after, before), { cyclesFix: false }).map(
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

/**
 * Lists whose members have a name become objects by that name, so that moving a member changes nothing else. `other` is
 * the same place of the other document: an empty list is one of named members when that one is.
 */
function named(value: JsonObject, other: Json | undefined): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, namedValue(inner, isObject(other) ? other[key] : undefined)]),
  );
}

function namedValue(value: Json, other: Json | undefined): Json {
  if (Array.isArray(value)) {
    const others = Array.isArray(other) ? other : [];
    const names = namesOf(value);
    const byName = value.length > 0 ? names !== null : others.length > 0 && namesOf(others) !== null;
    if (!byName || names === null) return value.map((member, i) => namedValue(member, others[i]));
    return Object.fromEntries(
      value.map((member, i) => [
        names[i] ?? "",
        namedValue(
          member,
          others.find((o) => nameOf(o) === names[i]),
        ),
      ]),
    );
  }
  return isObject(value) ? named(value, other) : value;
}

/** The names of a list's members, or null when not every one has a name of its own. */
function namesOf(list: Json[]): string[] | null {
  const names = list.flatMap((member) => nameOf(member) ?? []);
  return names.length === list.length && new Set(names).size === names.length ? names : null;
}

function nameOf(value: Json): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const name = value.slug ?? value.key ?? value.id;
  return typeof name === "string" ? name : null;
}
