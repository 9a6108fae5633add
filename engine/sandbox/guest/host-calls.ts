import { define } from "./globals.ts";
import { jsonText } from "./json-only.ts";
import { emit, emitCall, kept, quote, waitingCalls, waitingChars } from "./outbox.ts";

/** Whoever waits for an answer; `site` remembers where the call was made. */
type Waiting = { resolve: (value: unknown) => void; reject: (error: unknown) => void; site: Error };

/** Longest arguments of one call, in characters of JSON, and of all that leave in one slice. The engine parses them in one go. */
const argsMaxChars = 256 << 10;
const waitingMaxChars = 512 << 10;
/** Calls that may leave in one slice: more than any budget allows. */
const waitingMaxCalls = 400;

const waiting: Record<number, Waiting | undefined> = Object.create(null);
let nextSeq = 0;

/** Asks the host for a capability. Rejects with a TypeError when the arguments are not JSON, with the host's error otherwise. */
export function callHost(name: string, args: unknown): Promise<unknown> {
  const site = new Error();
  return new Promise((resolve, reject) => {
    const text = jsonText(args);
    if (text.length > argsMaxChars || waitingChars() + text.length > waitingMaxChars) {
      throw new RangeError(`${name} was called with more than ${argsMaxChars} characters`);
    }
    if (waitingCalls() >= waitingMaxCalls) throw new RangeError(`${name} was called too often at once`);
    const seq = nextSeq;
    nextSeq += 1;
    waiting[seq] = { resolve, reject, site };
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
  else call.reject(hostError(value, call.site));
}

/** The host's error, as if it had been thrown where the call was made: the host's own frames would tell nobody anything. */
function hostError(value: unknown, site: Error): Error {
  const [name, message] = [textOf(value, "name"), textOf(value, "message")];
  const error = new Error(message);
  define(error, "name", name);
  const frames = `${site.stack}`.split("\n").filter((line, i) => i > 0 && !line.includes("scrip:prelude"));
  define(error, "stack", [`${name}: ${message}`, ...frames].join("\n"));
  return error;
}

function textOf(value: unknown, key: "name" | "message"): string {
  if (typeof value !== "object" || value === null) return "Error";
  return `${kept.get(value, key)}`;
}
