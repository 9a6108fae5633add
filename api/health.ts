import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import type { Engine } from "../engine/engine.ts";
import { operation } from "./operation.ts";

const Ready = v.object({ status: v.picklist(["ready", "unready"]), database: v.boolean(), sandbox: v.boolean() });

const about = (summary: string, answer: v.GenericSchema) =>
  describeRoute(operation({ tag: "Operations", summary, security: "none", answers: { 200: answer }, errors: [] }));

/** `GET /healthz`: the process is up. `GET /readyz`: database and sandbox answer. */
export function health(engine: Engine): Hono {
  return new Hono()
    .get("/healthz", about("The process is up", v.object({ status: v.literal("ok") })), (c) => c.json({ status: "ok" }))
    .get("/readyz", about("Database and sandbox answer", Ready), async (c) => {
      const [database, sandbox] = await Promise.all([
        engine.storage.client.execute("select 1").then(
          () => true,
          () => false,
        ),
        engine.sandbox.ready(),
      ]);
      const ready = database && sandbox;
      return c.json({ status: ready ? "ready" : "unready", database, sandbox }, ready ? 200 : 503);
    });
}
