import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as v from "valibot";
import { Message, type Question } from "./messages.ts";

/** A contestant in a fresh process of its own. `ask` rejects when a run failed or its result was wrong. */
export type Contestant = {
  ask<T>(schema: v.GenericSchema<unknown, T>, question: Partial<Question> & { do: string }): Promise<T>;
  end(): Promise<void>;
};

/** Starts a program of `contestants/` and waits until it is ready. isolated-vm asks for the flag. */
export async function startContestant(name: string): Promise<Contestant> {
  const child = fork(join(import.meta.dirname, "contestants", `${name}.ts`), {
    execArgv: ["--no-node-snapshot", "--expose-gc", "--disable-warning=ExperimentalWarning"],
  });
  const gone = once(child, "exit");
  const next = async (): Promise<Message> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    child.once("message", resolve);
    void gone.then(([code, signal]) => reject(new Error(`${name} has ended (${signal ?? code})`)));
    return v.parse(Message, await promise);
  };
  const first = await next();
  if (first.kind !== "ready") throw new Error(`${name} is not ready`);
  return {
    ask: async (schema, question) => {
      const answer = next();
      child.send(question);
      const message = await answer;
      if (message.kind === "failed") throw new Error(`${name}: ${message.message}`);
      return v.parse(schema, message.kind === "answer" ? message.value : undefined);
    },
    end: async () => {
      child.disconnect();
      await gone;
    },
  };
}
