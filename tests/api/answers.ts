import { expect } from "vitest";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Sandbox } from "../../engine/sandbox.ts";
import type { ErrorCode } from "../../schemas/error-codes.ts";
import { entitlements, purchases } from "../../schemas/sales-tables.ts";
import { entityIds, environmentVersions, events, redemptions } from "../../schemas/tables.ts";
import { type Answer, ask } from "../fakes/requests.ts";
import type { World } from "../fakes/world.ts";

/** Matches a UUID. */
export const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An error as it is expected: its `message` where the text is part of the contract, its event where there is one. */
export type Refusal = { status: number; code: ErrorCode; message?: string; event?: boolean; more?: object };

/** Expects an answer to be this error and to carry no member beside those of its shape. */
export function expectRefusal(answer: Answer, { status, code, message, event = false, more = {} }: Refusal): void {
  expect(answer.body).toEqual({
    status: "error",
    statusCode: status,
    message: message ?? expect.stringMatching(/^\S.{4,300}$/),
    code,
    ...(event ? { eventId: expect.stringMatching(uuid) } : {}),
    ...more,
  });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toContain("application/json");
}

/** Reads an event with the world's secret key. */
// biome-ignore lint/suspicious/noExplicitAny: tests read events member by member, and a wrong shape fails there
export async function eventOf(world: World, eventId: string): Promise<any> {
  const { status, body } = await ask(world, "GET", `/api/v1/events/${eventId}`);
  expect(status).toBe(200);
  return body.event;
}

/** A real sandbox that counts its runs. */
export function countingSandbox(): { sandbox: Sandbox; runs: () => number } {
  const pool = createProcessPool({ processes: 1 });
  let runs = 0;
  return {
    runs: () => runs,
    sandbox: {
      ...pool,
      run: (job, host) => {
        runs++;
        return pool.run(job, host);
      },
    },
  };
}

/** How many rows each table holds, and how many requests Stripe saw: what a refused request must leave as it was. */
export async function tracesOf(world: World): Promise<Record<string, number>> {
  const { db } = world.engine.storage;
  await world.engine.events.flush();
  const tables = { entityIds, entitlements, environmentVersions, events, purchases, redemptions };
  const counts = await Promise.all(
    Object.entries(tables).map(async ([name, table]) => [name, await db.$count(table)] as const),
  );
  return { ...Object.fromEntries(counts), stripeRequests: world.stripe.requests().length };
}
