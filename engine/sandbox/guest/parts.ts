import { keyOfRun } from "./chance.ts";
import { elapsedMs } from "./clock.ts";
import { domException, domExceptionClass } from "./dom-exception.ts";
import { lazily, provide } from "./globals.ts";
import { callHost } from "./host-calls.ts";
import { kept } from "./outbox.ts";

/** The prelude's parts: files of this folder that are bundled apart from it, each as a function that is compiled when called. */
export type PartName =
  | "capabilities"
  | "crypto"
  | "domain-names"
  | "encoding"
  | "fetch"
  | "structured-clone"
  | "subtle-crypto"
  | "url";

/** What the parts share with the prelude. They see it as the free variable `core`; of the prelude's files they import types only. */
export type Core = ReturnType<typeof makeCore>;

// put around the bundle by child-program.ts
declare const parts: Record<PartName, (core: Core) => void>;

type Made = Record<string, unknown>;

/** What parts have made that nobody has asked for yet. */
const ahead: Record<string, Made | undefined> = Object.create(null);
let used = "";
let utils: unknown;

/** Keeps what the host gave for `utils`, for the part that makes it. */
export function giveUtils(given: unknown): void {
  utils = given;
}

/** Provides what a part makes. */
export function loadPart(name: PartName): void {
  const made = ahead[name] ?? make(name);
  provide(made);
  used += used === "" ? name : ` ${name}`;
}

/** The names of the parts that this run has used, with blanks between them. */
export function partsUsed(): string {
  return used;
}

/** Runs the parts of these names before anybody asks for them: the run before in this isolate has used them. */
export function makeAhead(names: string): void {
  for (const name of names.split(" ")) {
    if (isPart(name)) ahead[name] = make(name);
  }
}

function isPart(name: string): name is PartName {
  return Object.hasOwn(parts, name);
}

function make(name: PartName): Made {
  let made: Made = {};
  parts[name](makeCore((what) => (made = what)));
  return made;
}

function makeCore(provideLater: (made: Made) => void) {
  return {
    callHost,
    domException,
    domExceptionClass,
    elapsedMs,
    givenUtils: () => utils,
    keyOfRun,
    kept,
    lazily,
    loadPart,
    provide: provideLater,
  };
}
