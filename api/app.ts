import { Hono } from "hono";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { accessChecks } from "./access-checks.ts";
import type { AppOptions } from "./auth.ts";
import { clientJs } from "./client-js.ts";
import { docs } from "./docs.ts";
import { entitlements } from "./entitlements.ts";
import { errorAnswer } from "./errors.ts";
import { events } from "./events.ts";
import { health } from "./health.ts";
import { manageConfig } from "./manage-config.ts";
import { manageEnvironments } from "./manage-environments.ts";
import { manageMemberKeys } from "./manage-member-keys.ts";
import { manageMethods } from "./manage-methods.ts";
import { manageWebhooks } from "./manage-webhooks.ts";
import { members } from "./members.ts";
import { offerRedemptions } from "./offer-redemptions.ts";
import { preflight } from "./pages.ts";
import { purchases } from "./purchases.ts";
import { stripeWebhooks } from "./stripe-webhooks.ts";
import { surfaceDecisions } from "./surface-decisions.ts";
import { wellKnown } from "./well-known.ts";

/** The whole HTTP API over an engine: the same on every runtime, and in tests through `app.request`. */
export function createApp(engine: Engine, options: AppOptions): Hono {
  const app = new Hono();
  app.onError((error, c) => errorAnswer(error, c, engine.onFault));
  app.notFound((c) => errorAnswer(new ScripError("not_found", `There is nothing at ${c.req.path}`), c, engine.onFault));

  app.options("/api/v1/*", preflight);
  app.route("/api/v1/surface-decisions", surfaceDecisions(engine, options));
  app.route("/api/v1/offer-redemptions", offerRedemptions(engine, options));
  app.route("/api/v1/purchases", purchases(engine, options));
  app.route("/api/v1/webhooks/stripe", stripeWebhooks(engine));
  app.route("/api/v1/access-checks", accessChecks(engine, options));
  app.route("/api/v1/entitlements", entitlements(engine, options));
  app.route("/api/v1/members", members(engine, options));
  app.route("/api/v1/events", events(engine, options));
  app.route("/api/v1/manage/environments", manageConfig(engine));
  app.route("/api/v1/manage/environments", manageMethods(engine));
  app.route("/api/v1/manage/environments", manageWebhooks(engine));
  app.route("/api/v1/manage/environments", manageEnvironments(engine));
  app.route("/api/v1/manage/member-keys", manageMemberKeys(engine));
  app.route("/.well-known", wellKnown(engine));
  app.route("/", health(engine));
  app.route("/", clientJs(options));
  app.route("/", docs(app));
  return app;
}
