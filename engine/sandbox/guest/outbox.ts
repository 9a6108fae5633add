const { parse, stringify } = JSON;
const { max, min, floor } = Math;

/** The intrinsics that the prelude needs, kept before the author's code can change them. */
export const kept = {
  parse,
  stringify,
  max,
  min,
  floor,
  freeze: Object.freeze,
  isFinite: Number.isFinite,
  keys: Object.keys,
  define: Object.defineProperty,
};

let records = "";

/** Adds one record (JSON text) to what leaves the guest after this slice. */
export function emit(record: string): void {
  records += records === "" ? record : `,${record}`;
}

/** Characters waiting to leave. */
export function waitingChars(): number {
  return records.length;
}

/** Takes everything said since the last time, as one JSON array. */
export function drain(): string {
  const text = `[${records}]`;
  records = "";
  return text;
}

/** JSON text of a string. */
export function quote(text: string): string {
  return stringify(text);
}

/** Puts `value` on the global object, as the platform's own globals are. */
export function install(name: string, value: unknown): void {
  kept.define(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
