import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { HostCallHandler, Sandbox, SandboxModule, SandboxOutcome } from "../../engine/sandbox.ts";
import { type Budgets, defaultBudgets } from "../../schemas/workflow.ts";

/**
 * How the harmless runs beside an attack came through: answered as they should be, answered otherwise, or not answered; and
 * the side effects of their host calls that happened more than once, or that were reported and never happened.
 */
export type Controls = {
  answered: number;
  wrong: number;
  lost: number;
  doubled: number;
  missing: number;
  /** How those ended that were not answered as they should be, as JSON. */
  faults: string[];
};

/** The harmless runs beside one attack. */
export type RunningControls = {
  /** Lets one go on, so that it needs the guest in the middle of the attack, and starts another. */
  interrupt(): void;
  /** Lets all go on, and resolves when they have ended. */
  end(): Promise<Controls>;
};

type Control = { runId: string; outcome: SandboxOutcome; effects: Map<string, string[]> };

/** Two host calls, the second of which needs the first's answer and a value of chance: a replay must make the same again. */
const script = `"use strict";
globalThis.__workflow = async ({ runId }) => {
  const ask = async (step, told) => {
    const answer = await fetch("https://control.example/" + step, { method: "POST", body: JSON.stringify({ runId, told }) });
    return answer.text();
  };
  const chance = crypto.randomUUID() + Math.random();
  const first = await ask("first", chance);
  const second = await ask("second", first);
  return { runId, chance, first, second };
};`;
const module: SandboxModule = { script, codeHash: createHash("sha256").update(script).digest("hex") };

/** Time enough for the longest of attacks: what is lost is lost by the attack, not by a slow machine. */
const budgets: Budgets = { ...defaultBudgets, wallMs: 30_000, cpuMs: 5000 };

/** Starts two harmless runs, and resolves when both wait for their second answer. */
export async function startControls(sandbox: Sandbox, tenant = "control"): Promise<RunningControls> {
  const interrupted = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const before = [interrupted, held].map(({ promise }) => startControl(sandbox, tenant, promise));
  const runs = before.map(({ run }) => run);
  // a sandbox that starts no run any more must not hang the caller: the control is then lost
  await Promise.all(before.map(({ waiting, run }) => Promise.race([waiting, run])));
  return {
    interrupt: () => {
      interrupted.resolve();
      runs.push(startControl(sandbox, tenant, Promise.resolve()).run);
    },
    end: async () => {
      interrupted.resolve();
      held.resolve();
      return tally(await Promise.all(runs));
    },
  };
}

/** One harmless run, whose second answer waits for `release`. `waiting` resolves when it has asked for that. */
function startControl(sandbox: Sandbox, tenant: string, release: Promise<void>) {
  const runId = randomUUID();
  const effects = new Map<string, string[]>();
  const waiting = Promise.withResolvers<void>();
  const host: HostCallHandler = async ({ seq, args }) => {
    const key = `${runId}:${seq}`;
    effects.set(key, [...(effects.get(key) ?? []), JSON.stringify(args)]);
    if (seq > 0) {
      waiting.resolve();
      await release;
    }
    await sleep(1);
    return { ok: true, value: { status: 200, statusText: "", url: "", headers: {}, body: answerTo(runId, seq) } };
  };
  const job = { runId, tenant, module, input: { runId }, budgets };
  const run = sandbox.run(job, host).then(({ outcome }) => ({ runId, outcome, effects }));
  return { run, waiting: waiting.promise };
}

function answerTo(runId: string, seq: number): string {
  return `${runId} was answered ${seq}`;
}

function tally(controls: readonly Control[]): Controls {
  const count = (is: (control: Control) => boolean) => controls.filter(is).length;
  const effects = controls.map(({ effects }) => effects);
  const happened = (often: (times: number) => boolean) =>
    effects.flatMap((of) => [...of.values()]).filter(({ length }) => often(length)).length;
  const answered = count(isRight);
  const returned = count(({ outcome }) => outcome.kind === "returned");
  return {
    answered,
    wrong: returned - answered,
    lost: controls.length - returned,
    doubled: happened((times) => times > 1),
    missing: 2 * controls.length - happened((times) => times > 0),
    faults: controls.filter((control) => !isRight(control)).map(({ outcome }) => JSON.stringify(outcome)),
  };
}

/** Its own answers came back, and what it said of itself is what the host had been told. */
function isRight({ runId, outcome, effects }: Control): boolean {
  if (outcome.kind !== "returned") return false;
  const [first, second] = [answerTo(runId, 0), answerTo(runId, 1)];
  const { chance, ...rest } = Object(outcome.value);
  const told = (seq: number) => effects.get(`${runId}:${seq}`)?.[0] ?? "";
  const said = told(0).includes(String(chance)) && told(1).includes(first);
  return said && isDeepStrictEqual(rest, { runId, first, second });
}
