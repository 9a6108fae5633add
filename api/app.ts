import { Hono } from "hono";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import type { AppOptions } from "./auth.ts";
import { docs } from "./docs.ts";
import { errorAnswer } from "./errors.ts";
import { events } from "./events.ts";
import { health } from "./health.ts";
import { manageConfig } from "./manage-config.ts";
import { manageEnvironments } from "./manage-environments.ts";
import { manageMethods } from "./manage-methods.ts";
import { offerRedemptions } from "./offer-redemptions.ts";
import { preflight } from "./pages.ts";
import { surfaceDecisions } from "./surface-decisions.ts";

/** The whole HTTP API over an engine: the same on every runtime, and in tests through `app.request`. */
export function createApp(engine: Engine, options: AppOptions): Hono {
  const app = new Hono();
  app.onError((error, c) => errorAnswer(error, c, engine.onFault));
  app.notFound((c) => errorAnswer(new ScripError("not_found", `There is nothing at ${c.req.path}`), c, engine.onFault));

  app.options("/api/v1/*", preflight);
  app.route("/api/v1/surface-decisions", surfaceDecisions(engine, options));
  app.route("/api/v1/offer-redemptions", offerRedemptions(engine, options));
  app.route("/api/v1/events", events(engine, options));
  app.route("/api/v1/manage/environments", manageConfig(engine));
  app.route("/api/v1/manage/environments", manageMethods(engine));
  app.route("/api/v1/manage/environments", manageEnvironments(engine));
  app.route("/", health(engine));
  app.route("/", docs(app));
  return app;
}
