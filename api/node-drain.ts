import type { ServerType } from "@hono/node-server";
import type { Hono } from "hono";
import type { Engine } from "../engine/engine.ts";
import type { WebhookSender } from "../engine/webhooks/deliver.ts";
import type { TaskSchedule } from "./node-tasks.ts";

/** What a server has under way. */
export type Draining = {
  server: ServerType;
  underWay: ReadonlySet<Promise<unknown>>;
  tasks: TaskSchedule;
  webhooks: WebhookSender;
  sandbox: Engine["sandbox"];
};

/** How long what waited for the sandbox has to be answered and recorded, once that was closed. */
const lastWordsMs = 5000;

/**
 * Takes no new connections and resolves when everything under way is done: requests answered, also those whose visitors
 * left, a task's step, webhooks' attempts. What is not done after `limitMs` is made to end: first the runs in the sandbox,
 * whose redemptions answer 503; then, 5 seconds later, the connections. Work that is left behind then is taken up again
 * by its lease, as after a crash.
 */
export async function drain({ server, underWay, tasks, webhooks, sandbox }: Draining, limitMs: number): Promise<void> {
  const finish = async () => {
    await Promise.all([tasks.stop(), closeServer(server)]);
    // a visitor who leaves closes the connection, not the request: its event is still to come
    await Promise.allSettled(underWay);
    await webhooks.close();
  };
  const finished = finish();
  if (await isWithin(finished, limitMs)) return;
  await sandbox.close();
  if (await isWithin(finished, lastWordsMs)) return;
  if ("closeAllConnections" in server) server.closeAllConnections();
}

/** The app's fetch, with each request in the set for as long as it is being answered. */
export function counted(app: Hono, underWay: Set<Promise<unknown>>): Hono["fetch"] {
  return (request, ...rest) => {
    const answer = app.fetch(request, ...rest);
    if (answer instanceof Promise) {
      underWay.add(answer);
      const done = () => underWay.delete(answer);
      answer.then(done, done);
    }
    return answer;
  };
}

async function isWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const { promise: over, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), limitMs);
  const done = await Promise.race([work.then(() => true), over]);
  clearTimeout(timer);
  return done;
}

/** No new connections; each of the others is closed when its request is answered. */
function closeServer(server: ServerType): Promise<void> {
  return new Promise((done, reject) => {
    const idle = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 50);
    server.close((error) => {
      clearInterval(idle);
      if (error === undefined) done();
      else reject(error);
    });
  });
}
