import { countValues, kept } from "./outbox.ts";

/** More values than this would keep whoever parses them from other work. */
const valuesMax = 10_000;
/** The same for all that leaves in one slice. */
const waitingMaxValues = 12_000;

/**
 * JSON text of a value, or a TypeError when the value is not JSON: functions, symbols, BigInts, NaN, infinities, cycles
 * and a lone `undefined` are refused instead of being dropped. Properties that are `undefined` are left out, as usual. A
 * RangeError when there are more than 10,000 values in it.
 */
export function jsonText(value: unknown): string {
  let values = 0;
  const text: string | undefined = kept.stringify(value, (key: string, inner: unknown) => {
    values += 1;
    if (values > valuesMax) throw new RangeError(`there are more than ${valuesMax} values`);
    return refuse(key, inner);
  });
  if (text === undefined) throw new TypeError("undefined is not JSON");
  countValues(values, waitingMaxValues);
  return text;
}

function refuse(key: string, value: unknown): unknown {
  const kind = typeof value;
  if (kind === "function" || kind === "symbol" || kind === "bigint") throw new TypeError(`${where(key)} is a ${kind}`);
  if (kind === "number" && !kept.isFinite(value)) {
    throw new TypeError(`${where(key)} is ${value}`);
  }
  return value;
}

function where(key: string): string {
  return key === "" ? "the value" : `"${key}"`;
}

/** Freezes everything in an object that came from JSON, and not the object itself. */
export function freezeInside(object: object): void {
  const names = kept.keys(object);
  // without a compiler an iterator, and a call for each number and text, would cost as much again
  for (let i = 0; i < names.length; i += 1) {
    const inner: unknown = kept.get(object, `${names[i]}`);
    if (typeof inner !== "object" || inner === null) continue;
    freezeInside(inner);
    kept.freeze(inner);
  }
}
