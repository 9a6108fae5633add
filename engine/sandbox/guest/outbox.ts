const { parse, stringify } = JSON;
const { max, min } = Math;
const { apply } = Reflect;
const { slice } = String.prototype;

/** The intrinsics that the prelude needs, kept before the author's code can change them. */
export const kept = {
  parse,
  stringify,
  max,
  min,
  freeze: Object.freeze,
  number: Number,
  isFinite: Number.isFinite,
  apply,
  get: Reflect.get,
  /** The first characters of a text. */
  cut: (text: string, chars: number): string => apply(slice, text, [0, chars]),
  keys: Object.keys,
  /** It tells whether it could, and does not throw when it could not: an author may freeze the global object. */
  define: Reflect.defineProperty,
  remove: Reflect.deleteProperty,
};

let records = "";
let calls = 0;
let values = 0;
let ended = false;

/** Adds one record (JSON text) to what leaves the guest after this slice. */
export function emit(record: string): void {
  records += records === "" ? record : `,${record}`;
}

/** Adds the record of a host call. */
export function emitCall(record: string): void {
  emit(record);
  calls += 1;
}

/** Adds the record that tells how the run ended. The process may forget the run once it has taken it. */
export function emitLast(record: string): void {
  emit(record);
  ended = true;
}

/** Counts the values of JSON that wait to leave. Throws a RangeError when there are more than `most`. */
export function countValues(more: number, most: number): void {
  if (values + more > most) throw new RangeError(`more than ${most} values leave at once`);
  values += more;
}

/** Characters waiting to leave. */
export function waitingChars(): number {
  return records.length;
}

/** Host calls waiting to leave. */
export function waitingCalls(): number {
  return calls;
}

/** Takes everything said since the last time, as one JSON array; before the last one of a run stands `!` and what it `used`. */
export function drain(used: string): string {
  const text = ended ? `!${used}[${records}]` : `[${records}]`;
  records = "";
  calls = 0;
  values = 0;
  return text;
}

/** JSON text of a string. */
export function quote(text: string): string {
  return stringify(text);
}
