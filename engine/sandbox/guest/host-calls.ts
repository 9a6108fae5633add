import { jsonText } from "./json-only.ts";
import { emit, kept, quote, waitingChars } from "./outbox.ts";

type Waiting = { resolve: (value: unknown) => void; reject: (error: unknown) => void };

/** Longest arguments of one call, in characters of JSON. */
const argsMaxChars = 1 << 20;
const waitingMaxChars = 3 << 20;

const waiting: Record<number, Waiting | undefined> = Object.create(null);
let nextSeq = 0;

/** Asks the host for a capability. Rejects with a TypeError when the arguments are not JSON, with the host's error otherwise. */
export function callHost(name: string, args: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = jsonText(args);
    if (text.length > argsMaxChars || waitingChars() + text.length > waitingMaxChars) {
      throw new RangeError(`${name} was called with more than ${argsMaxChars} characters`);
    }
    const seq = nextSeq;
    nextSeq += 1;
    waiting[seq] = { resolve, reject };
    emit(`{"k":"call","seq":${seq},"name":${quote(name)},"args":${text}}`);
  });
}

/** Hands the host's answer to whoever waits for call `seq`. */
export function settleCall(seq: number, ok: boolean, text: string): void {
  const call = waiting[seq];
  if (call === undefined) {
    emit(`{"k":"stray","id":${seq}}`);
    return;
  }
  delete waiting[seq];
  const value: unknown = kept.parse(text);
  if (ok) call.resolve(value);
  else call.reject(hostError(value));
}

function hostError(value: unknown): Error {
  const error = new Error(textOf(value, "message"));
  kept.define(error, "name", { value: textOf(value, "name"), writable: true, configurable: true });
  return error;
}

function textOf(value: unknown, key: "name" | "message"): string {
  if (typeof value !== "object" || value === null) return "Error";
  return `${Reflect.get(value, key)}`;
}
