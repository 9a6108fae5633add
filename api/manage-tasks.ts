import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import type { Engine } from "../engine/engine.ts";
import { listTasks, runNow } from "../engine/tasks/tasks.ts";
import { TaskRunAnswer, TasksAnswer } from "../schemas/tasks.ts";
import { adminOf } from "./auth.ts";
import { operation } from "./operation.ts";
import { isoTime } from "./time.ts";

const list = operation({
  tag: "Manage",
  summary: "The scheduled tasks, and how each went the last time",
  security: "admin",
  answers: { 200: TasksAnswer },
  errors: [401, 403],
});

const run = operation({
  tag: "Manage",
  summary: "Run a scheduled task now",
  description:
    "Answers when it is done. Where it is running already nothing is begun: `ran` is false, and `startedAt` says since " +
    "when. A run that ends with `outcome.ok` false is answered with 200: `outcome.failures` says what went wrong. It is " +
    "ended early when the connection is closed.",
  security: "admin",
  answers: { 200: TaskRunAnswer },
  errors: [401, 403, 404],
});

/** `GET /api/v1/manage/tasks`, `POST …/{name}/run`. The tasks are the server's, for all environments. */
export function manageTasks(engine: Engine): Hono {
  const app = new Hono();
  app.get("/", describeRoute(list), async (c) => {
    await adminOf(c, engine, "viewer");
    const tasks = await listTasks(engine);
    return c.json({
      status: "success",
      tasks: tasks.map(({ startedAt, finishedAt, ...task }) => ({
        ...task,
        startedAt: startedAt === null ? null : isoTime(startedAt),
        finishedAt: finishedAt === null ? null : isoTime(finishedAt),
      })),
    });
  });
  app.post("/:name/run", describeRoute(run), async (c) => {
    await adminOf(c, engine, "publisher");
    const name = c.req.param("name");
    // nobody would hear of the outcome, and a server that drains closes the connections that it still has
    const result = await runNow(engine, name, c.req.raw.signal);
    return c.json({
      status: "success",
      task: name,
      ran: result.ran,
      startedAt: isoTime(result.startedAt),
      finishedAt: result.ran ? isoTime(result.finishedAt) : null,
      outcome: result.ran ? result.outcome : null,
    });
  });
  return app;
}
