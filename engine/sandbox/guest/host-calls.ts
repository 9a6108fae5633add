import { define } from "./globals.ts";
import { jsonText } from "./json-only.ts";
import { emit, emitCall, kept, quote, waitingCalls, waitingChars } from "./outbox.ts";

type Waiting = { resolve: (value: unknown) => void; reject: (error: unknown) => void };

/** Longest arguments of one call, in characters of JSON, and of all that leave in one slice. The engine parses them in one go. */
const argsMaxChars = 256 << 10;
const waitingMaxChars = 512 << 10;
/** Calls that may leave in one slice: more than any budget allows. */
const waitingMaxCalls = 400;

const waiting: Record<number, Waiting | undefined> = Object.create(null);
let nextSeq = 0;

/** Asks the host for a capability. Rejects with a TypeError when the arguments are not JSON, with the host's error otherwise. */
export function callHost(name: string, args: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = jsonText(args);
    if (text.length > argsMaxChars || waitingChars() + text.length > waitingMaxChars) {
      throw new RangeError(`${name} was called with more than ${argsMaxChars} characters`);
    }
    if (waitingCalls() >= waitingMaxCalls) throw new RangeError(`${name} was called too often at once`);
    const seq = nextSeq;
    nextSeq += 1;
    waiting[seq] = { resolve, reject };
    emitCall(`{"k":"call","seq":${seq},"name":${quote(name)},"args":${text}}`);
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
  define(error, "name", textOf(value, "name"));
  return error;
}

function textOf(value: unknown, key: "name" | "message"): string {
  if (typeof value !== "object" || value === null) return "Error";
  return `${kept.get(value, key)}`;
}
