import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { eventOf } from "../api/answers.ts";
import { decideFor, redeemAs } from "../fakes/requests.ts";
import { seedWorkflow } from "../fakes/sample-config.ts";
import { createWorld } from "../fakes/world.ts";
import { type CompilerError, compile } from "./compile.ts";
import { allowed, refused } from "./fixtures.ts";

const schema = fileURLToPath(new URL("../../schemas/workflow.ts", import.meta.url));

/** The types that authors see against the schema that results meet. */
const agreement = `
import type { WorkflowResult as Authored } from "mos:workflow";
import type { WorkflowResult as Checked } from ${JSON.stringify(schema)};

type Keys<T> = T extends unknown ? keyof T : never;
type Member<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type MemberSame<K extends Keys<Authored> & keyof Checked> = Same<Exclude<Member<Authored, K>, undefined>, Exclude<Checked[K], undefined>>;

export const sameKeys: Same<Keys<Authored>, keyof Checked> = true;
export const success: MemberSame<"success"> = true;
export const statusCode: MemberSame<"statusCode"> = true;
export const message: MemberSame<"message"> = true;
export const action: MemberSame<"action"> = true;
export const url: MemberSame<"url"> = true;
export const properties: MemberSame<"properties"> = true;
export const authoredIsChecked = (authored: Authored): Checked => authored;
`;

/** The argument of real runs, written as literals: nothing may be missing, and nothing may be more. */
async function argumentsOfRuns(): Promise<Record<string, string>> {
  const world = await createWorld();
  const cf = { country: "FR", city: "Paris", region: "IDF", timezone: "Europe/Paris", verifiedBotCategory: "Search" };
  const full = { cloudflare: { cf }, http: { userAgent: "V/1" } };
  const requests = [
    { identity: { userIdentifier: "u" }, more: full },
    { identity: { anonymousIdentifier: "a" }, more: {} },
  ];
  const sources: Record<string, string> = {};
  for (const [i, { identity, more }] of requests.entries()) {
    const { body: decision } = await decideFor(world, identity, more);
    const { body } = await redeemAs(world, identity, decision.offers[0].token);
    const { input } = (await eventOf(world, body.eventId)).data.run;
    sources[`argument-${i}`] = `import type { WorkflowArguments } from "mos:workflow";
export const argument: Omit<WorkflowArguments, "utils"> = ${JSON.stringify(input, null, 2)};`;
  }
  await world.close();
  return sources;
}

const named = (kind: string, list: { source: string }[]) =>
  Object.fromEntries(list.map(({ source }, i) => [`${kind}-${i}`, source]));

let errors: CompilerError[];
const errorsOf = (file: string) => errors.filter((error) => error.file === file);
beforeAll(async () => {
  errors = await compile({
    ...named("allowed", allowed),
    ...named("refused", refused),
    ...(await argumentsOfRuns()),
    agreement,
    seed: seedWorkflow,
  });
});

describe("an author may write a workflow that", () => {
  test.each(allowed.map(({ does }, i) => [does, i] as const))("%s", (_does, i) => {
    expect(errorsOf(`allowed-${i}`)).toEqual([]);
  });

  test("is the seed, unmodified", () => {
    expect(errorsOf("seed")).toEqual([]);
  });
});

describe("an author is told, with the line, not to write a workflow that", () => {
  test.each(refused.map(({ does, errors: expected }, i) => [does, i, expected] as const))(
    "%s",
    (_does, i, expected) => {
      expect(errorsOf(`refused-${i}`).map(({ line, code }) => `${line} ${code}`)).toEqual(expected);
    },
  );
});

describe("the types that an author sees", () => {
  test("name the members of a result that the schema takes, and no other, each with the same type", () => {
    expect(errorsOf("agreement")).toEqual([]);
  });

  test.each(["argument-0", "argument-1"])("are those of what a run is given, no more and no less: %s", (file) => {
    expect(errorsOf(file)).toEqual([]);
  });

  test("say nothing wrong of themselves", () => {
    expect(errorsOf("mos-workflow.d")).toEqual([]);
  });
});
