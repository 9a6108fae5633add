import { installAbort } from "./abort.ts";
import { installClock, seedRandom, setClock } from "./clock.ts";
import { installConsole, logUnheard, setLogBudget } from "./console.ts";
import { installEncoding } from "./encoding.ts";
import { installFetch } from "./fetch.ts";
import { callHost, settleCall } from "./host-calls.ts";
import { deepFreeze, jsonText } from "./json-only.ts";
import { lockdown } from "./lockdown.ts";
import { drain, emit, kept, quote } from "./outbox.ts";
import { fireTimer, installTimers } from "./timers.ts";

type Terms = { mode: "run" | "inspect"; seed: number[]; resultBytes: number; logBytes: number };

lockdown();
installClock();
installConsole();
installTimers();
installAbort();
installEncoding();
installFetch();

/** One way in, called by the sandbox process: begins the run, settles a host call, fires a timer, or takes the records. */
export function enter(
  what: "start" | "settle" | "fire" | "unheard" | "drain",
  nowMs: number,
  id: number,
  ok: boolean,
  text: string,
  terms: string,
  evaluate: () => void,
): string {
  if (what === "drain") return drain();
  if (what === "unheard") {
    logUnheard(text);
    return "";
  }
  setClock(nowMs);
  if (what === "start") start(terms, text, evaluate);
  else if (what === "settle") settleCall(id, ok, text);
  else fire(id);
  return "";
}

function start(terms: string, input: string, evaluate: () => void): void {
  const { mode, seed, resultBytes, logBytes }: Terms = kept.parse(terms);
  seedRandom(seed);
  setLogBudget(logBytes);
  void run(mode, input, resultBytes, evaluate);
}

/** What a timer's callback throws ends the run. */
function fire(id: number): void {
  try {
    fireTimer(id);
  } catch (error) {
    emitThrown(error);
  }
}

async function run(mode: Terms["mode"], input: string, resultBytes: number, evaluate: () => void): Promise<void> {
  let value: unknown;
  const given = argumentsFrom(input);
  try {
    evaluate();
    const workflow: unknown = Reflect.get(globalThis, "__workflow");
    if (mode === "inspect") {
      emit(`{"k":"returned","value":"${typeof workflow}"}`);
      return;
    }
    if (typeof workflow !== "function") throw new TypeError("the default export of a workflow must be a function");
    value = await workflow(given);
  } catch (error) {
    emitThrown(error);
    return;
  }
  emitResult(value, resultBytes);
}

function emitResult(value: unknown, resultBytes: number): void {
  try {
    const text = jsonText(value);
    if (text.length > resultBytes) throw new RangeError(`it is longer than ${resultBytes} bytes`);
    emit(`{"k":"returned","value":${text}}`);
  } catch (error) {
    const reason = quote(`the result is not JSON that may leave: ${partOf(error, "message", 1024)}`);
    emit(`{"k":"refused","message":${reason}}`);
  }
}

function argumentsFrom(input: string): object {
  const stripeFetch = (accountId: unknown, request: unknown) => callHost("stripe.fetch", { accountId, request });
  const given: object = kept.parse(input);
  return deepFreeze({ ...given, utils: { integrations: { stripe: { fetch: stripeFetch } } } });
}

function emitThrown(error: unknown): void {
  const name = quote(partOf(error, "name", 256));
  const message = quote(partOf(error, "message", 4096));
  const stack = quote(partOf(error, "stack", 8192));
  emit(`{"k":"threw","name":${name},"message":${message},"stack":${stack}}`);
}

/** Reads one part of whatever was thrown; it may be no Error at all, or one whose getters throw. */
function partOf(error: unknown, part: "name" | "message" | "stack", chars: number): string {
  try {
    if (typeof error !== "object" || error === null || !(part in error)) {
      if (part === "name") return "Error";
      return part === "message"
        ? `${typeof error === "string" ? error : `thrown: ${show(error)}`}`.slice(0, chars)
        : "";
    }
    return `${Reflect.get(error, part)}`.slice(0, chars);
  } catch {
    return part === "name" ? "Error" : "";
  }
}

function show(value: unknown): string {
  return typeof value === "object" ? kept.stringify(value) : String(value);
}
