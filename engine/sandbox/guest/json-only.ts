import { kept } from "./outbox.ts";

/**
 * JSON text of a value, or a TypeError when the value is not JSON: functions, symbols, BigInts, NaN, infinities, cycles
 * and a lone `undefined` are refused instead of being dropped. Properties that are `undefined` are left out, as usual.
 */
export function jsonText(value: unknown): string {
  const text: string | undefined = kept.stringify(value, refuse);
  if (text === undefined) throw new TypeError("undefined is not JSON");
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

/** Freezes a value that came from JSON, and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return kept.freeze(value);
}
