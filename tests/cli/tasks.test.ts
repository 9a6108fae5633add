import { afterEach, beforeEach, expect, test } from "vitest";
import { runTask } from "../../engine/tasks/lease.ts";
import { sessionFor } from "../fakes/sales.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { createOperator, type Operator, serverUrl } from "./operator.ts";

let world: World;
let operator: Operator;
beforeEach(async () => {
  world = await createWorld();
  operator = await createOperator(world);
});
afterEach(async () => {
  await operator.close();
  await world.close();
});

const reader = (n: number) => ({ userIdentifier: `reader-${n}@example.com` });

/** Lets time pass, at the server and at Stripe alike. */
function pass(ms: number): void {
  world.clock.advance(ms);
  world.stripe.tick();
}

test("reconciling tells what was asked, completed and waits", async () => {
  const paid = await sessionFor(world, reader(1));
  await sessionFor(world, reader(2));
  pass(120_000);
  world.stripe.pay(paid.id, { email: "reader-1@example.com" });
  const { exitCode, out, err } = await operator.scrip("reconcile");
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  expect(out).toBe(
    [
      "       1  pending purchases Stripe was asked about",
      "       1  still open",
      "       3  events of Stripe that had not come by webhook",
      `✔ reconcile at ${serverUrl}`,
    ].join("\n"),
  );
});

test("pruning tells what expired", async () => {
  await sessionFor(world);
  pass(25 * 3_600_000);
  const { exitCode, out } = await operator.scrip("prune");
  expect(exitCode).toBe(0);
  expect(out).toBe(
    ["       1  pending purchases Stripe was asked about", "       1  expired", `✔ prune at ${serverUrl}`].join("\n"),
  );
});

test("with --json it is the answer of the management API", async () => {
  const { exitCode, answer } = await operator.json("prune");
  expect(exitCode).toBe(0);
  expect(answer).toMatchObject({
    status: "success",
    task: "prune",
    ran: true,
    startedAt: "2026-03-01T12:00:00.000Z",
    finishedAt: "2026-03-01T12:00:00.000Z",
    outcome: { ok: true, counts: { asked: 0, expired: 0, purchasesDeleted: 0 }, failures: [] },
  });
});

test("what could not be done is told in words, with exit code 1", async () => {
  await sessionFor(world);
  pass(25 * 3_600_000);
  world.stripe.chaos({ api: { error500: 1 } });
  const human = await operator.scrip("prune");
  expect(human.exitCode).toBe(1);
  expect(human.err).toMatch(/^ {2}Stripe does not answer: .+\n✖ prune at http:\/\/scrip\.test did not do everything/);
  const { exitCode, answer } = await operator.json("prune");
  expect([exitCode, answer.outcome.ok, answer.outcome.counts.errors]).toEqual([1, false, 1]);
});

test("a task that is running already is not begun, with exit code 1", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signal = new AbortController().signal;
  const running = runTask(world.engine, { name: "prune", onceSinceMs: null, signal, work: () => promise });
  await expect.poll(async () => (await operator.json("prune")).answer.ran).toBe(false);
  const { exitCode, out, err } = await operator.scrip("prune");
  resolve();
  await running;
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
  expect(err).toBe(`! prune is running at ${serverUrl} already, since 2026-03-01T12:00:00.000Z: nothing was begun`);
});

test("no environment has to be named", async () => {
  delete operator.env.SCRIP_ENVIRONMENT;
  expect((await operator.scrip("reconcile")).exitCode).toBe(0);
  delete operator.env.SCRIP_ADMIN_TOKEN;
  const { exitCode, err } = await operator.scrip("reconcile");
  expect(exitCode).toBe(2);
  expect(err).toContain("Missing: an admin token (SCRIP_ADMIN_TOKEN or --token)");
  expect(err).not.toContain("environment (");
});

test("a token that may not is refused with exit code 2", async () => {
  operator.env.SCRIP_ADMIN_TOKEN = "adm_nobody";
  const { exitCode, err } = await operator.scrip("prune");
  expect(exitCode).toBe(2);
  expect(err).toContain("Check SCRIP_ADMIN_TOKEN or --token");
});
