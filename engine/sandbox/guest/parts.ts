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

let utils: unknown;

/** Keeps what the host gave for `utils`, for the part that makes it. */
export function giveUtils(given: unknown): void {
  utils = given;
}

/** Runs a part, which provides what it makes. */
export function loadPart(name: PartName): void {
  parts[name](makeCore());
}

function makeCore() {
  return { callHost, domException, domExceptionClass, elapsedMs, keyOfRun, kept, lazily, loadPart, provide, utils };
}
