import type { SandboxOutcome } from "../../engine/sandbox.ts";
import type { Json } from "../../schemas/json.ts";
import type { Budgets } from "../../schemas/workflow.ts";

/** What a case attacks with; each has its file in `cases/`. */
export type HostileFamily = "loops" | "memory" | "built-ins" | "floods" | "escapes" | "forgeries" | "leaks" | "timing";

/** `uncompilable`: the compiler refused the source, so that it never ran. */
export type HostileEnd = SandboxOutcome["kind"] | "uncompilable";

/**
 * How the host answers the attack's calls: after two milliseconds with a small response, never, with an error, or with a
 * response that is long or nested as deeply as one may be.
 */
export type HostileHost = "answers" | "never" | "refuses" | "long" | "deep";

/** How an attack must end. All that is named must hold. */
export type ExpectedEnd = {
  /** One kind, or those between which V8 may choose. */
  kind: HostileEnd | readonly HostileEnd[];
  /** Of `returned`: the whole value. */
  value?: Json;
  /** Of `threw`: the error's name. */
  error?: string;
  /** Matches the message, also an error's. */
  message?: RegExp;
  /** Calls that reached the host in each run. */
  calls?: number;
  /** Log lines, all of them. */
  logs?: readonly string[];
};

/** One attack, as plain data. */
export type HostileCase = {
  name: string;
  family: HostileFamily;
  /** A workflow in TypeScript; with `compiled` the script itself, as no compiler would have made it. */
  source: string;
  compiled?: true;
  input?: Json;
  host?: HostileHost;
  budgets?: Partial<Budgets>;
  /** How often the same tenant runs it, one run after the other, and how many run at once. Each must end as expected. */
  times?: number;
  crowd?: number;
  /** It waits most of the time: how late its verdict is says nothing. */
  waits?: true;
  expected: ExpectedEnd;
};

/** A case as its family's file writes it: most bodies are those of an async function that is given `{ utils, ...input }`. */
export type CaseText = Omit<HostileCase, "family" | "source"> & ({ body: string } | { source: string });

/** The cases of a family, with whole sources. */
export function casesOf(family: HostileFamily, texts: readonly CaseText[]): HostileCase[] {
  return texts.map((text) => {
    if ("source" in text) return { ...text, family };
    const { body, ...rest } = text;
    return { ...rest, family, source: `export default async ({ utils, ...input }) => {\n${body}\n};` };
  });
}
