import type { StartTerms } from "../protocol.ts";
import { installRandom, setChances } from "./chance.ts";
import { installClock, setClock } from "./clock.ts";
import { installConsole, logUnheard, setLogBudget } from "./console.ts";
import { installLazily, lazily } from "./globals.ts";
import { callHost, settleCall } from "./host-calls.ts";
import { freezeInside, jsonText } from "./json-only.ts";
import { lockdown } from "./lockdown.ts";
import { drain, emitLast, kept, quote } from "./outbox.ts";
import { sealOuterRealm } from "./outer-realm.ts";
import { giveUtils, loadPart, makeAhead, partsUsed } from "./parts.ts";
import { fireTimer, installTimers } from "./timers.ts";

// put around the bundle by child-program.ts: it costs less than an export, which is an object with a getter
declare const admit: (way: typeof enter) => void;

admit(enter);
lockdown();
installClock();
installConsole();
installTimers();
installRandom();
installLazily(
  ["AbortController", "AbortSignal", "Event", "EventTarget", "Headers", "Request", "Response", "fetch"],
  () => loadPart("fetch"),
);
installLazily(["TextEncoder", "TextDecoder", "atob", "btoa"], () => loadPart("encoding"));
installLazily(["URL", "URLSearchParams"], () => loadPart("url"));
installLazily(["structuredClone", "DOMException"], () => loadPart("structured-clone"));
installLazily(["crypto"], () => loadPart("crypto"));

const loadCapabilities = () => loadPart("capabilities");
const purchase = lazily("purchase", loadCapabilities);
const entitlements = lazily("entitlements", loadCapabilities);
const identity = lazily("identity", loadCapabilities);

const stripeFetch = (accountId: unknown, request: unknown) => callHost("stripe.fetch", { accountId, request });
const integrations = kept.freeze({ stripe: kept.freeze({ fetch: stripeFetch }) });
/** What few runs use is made when it is used. */
const utils = kept.freeze({
  integrations,
  get purchase() {
    return purchase();
  },
  get entitlements() {
    return entitlements();
  },
  get identity() {
    return identity();
  },
});

/**
 * One way in, called by the sandbox process: begins the run, settles a host call, fires a timer, or takes the records. Before a
 * run, it makes ahead the parts that `text` names.
 */
function enter(
  what: "seal" | "start" | "settle" | "fire" | "unheard" | "drain" | "ahead",
  nowMs: number,
  id: number,
  ok: boolean,
  text: string,
  terms: string,
  evaluate: () => void,
): string {
  if (what === "drain") return drain(partsUsed());
  if (what === "ahead") {
    makeAhead(text);
    return "";
  }
  if (what === "unheard") {
    logUnheard(text);
    return "";
  }
  if (what === "seal") {
    sealOuterRealm();
    return "";
  }
  setClock(nowMs);
  if (what === "start") start(terms, text, evaluate);
  else if (what === "settle") settleCall(id, ok, text);
  else fire(id);
  return "";
}

function start(terms: string, input: string, evaluate: () => void): void {
  const { mode, seed, randomKey, resultBytes, logBytes }: StartTerms = kept.parse(terms);
  setChances(seed, randomKey);
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

async function run(mode: StartTerms["mode"], input: string, resultBytes: number, evaluate: () => void): Promise<void> {
  let value: unknown;
  const given = argumentsFrom(input);
  try {
    evaluate();
    const workflow: unknown = kept.get(globalThis, "__workflow");
    if (mode === "inspect") {
      emitLast(`{"k":"returned","value":"${typeof workflow}"}`);
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
    emitLast(`{"k":"returned","value":${text}}`);
  } catch (error) {
    const reason = quote(`the result is not JSON that may leave: ${partOf(error, "message", 1024)}`);
    emitLast(`{"k":"refused","message":${reason}}`);
  }
}

/** What the host gives, frozen, with `utils` around its own part of it. */
function argumentsFrom(input: string): object {
  const given: Record<string, unknown> = { ...kept.parse(input) };
  freezeInside(given);
  giveUtils(given.utils);
  given.utils = utils;
  return kept.freeze(given);
}

function emitThrown(error: unknown): void {
  const name = quote(partOf(error, "name", 256));
  const message = quote(partOf(error, "message", 4096));
  const stack = quote(partOf(error, "stack", 8192));
  emitLast(`{"k":"threw","name":${name},"message":${message},"stack":${stack}}`);
}

/** Reads one part of whatever was thrown; it may be no Error at all, or one whose getters throw. */
function partOf(error: unknown, part: "name" | "message" | "stack", chars: number): string {
  try {
    if (typeof error !== "object" || error === null || !(part in error)) {
      if (part === "name") return "Error";
      return part === "message" ? kept.cut(typeof error === "string" ? error : `thrown: ${show(error)}`, chars) : "";
    }
    return kept.cut(`${kept.get(error, part)}`, chars);
  } catch {
    return part === "name" ? "Error" : "";
  }
}

function show(value: unknown): string {
  if (typeof value === "object") return kept.stringify(value);
  return typeof value === "symbol" ? "a symbol" : `${value}`;
}
