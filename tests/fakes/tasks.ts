import { eq } from "drizzle-orm";
import type { LocalStripe } from "../../local-stripe/local-stripe.ts";
import { tasks } from "../../schemas/tables.ts";
import { type Answer, ask } from "./requests.ts";
import type { World } from "./world.ts";

/** Runs a task now through the front door, as a publisher. */
export async function runTaskIn(world: World, name: string): Promise<Answer> {
  return ask(world, "POST", `/api/v1/manage/tasks/${name}/run`, { key: world.adminToken });
}

/** Runs a task, which must go well, and gives what it counted. */
export async function countsOf(world: World, name: string): Promise<Record<string, number>> {
  const { body, text } = await runTaskIn(world, name);
  if (!body?.outcome?.ok) throw new Error(text);
  return body.outcome.counts;
}

/** A task as the management API lists it. */
export async function taskIn(world: World, name: string) {
  const { body } = await ask(world, "GET", "/api/v1/manage/tasks", { key: world.adminToken });
  return body.tasks.find((task: { name: string }) => task.name === name);
}

/** The row of a task. */
export async function rowOf({ engine }: World, name: string) {
  const [row] = await engine.storage.db.select().from(tasks).where(eq(tasks.name, name));
  return row;
}

/** The same Stripe, reached over a network of which a test says what becomes of each request. */
export function behind(stripe: LocalStripe, network: (request: Request) => Promise<Response | null>): LocalStripe {
  return {
    ...stripe,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      return (await network(request)) ?? stripe.fetch(request);
    },
  };
}

/** What Stripe says of itself when it has a fault. */
export function brokenStripe(): Response {
  return Response.json(
    { error: { type: "api_error", message: "Something went wrong on Stripe's end" } },
    { status: 500 },
  );
}
