import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as v from "valibot";
import { applyConfig, currentConfig, listVersions } from "../engine/config/apply.ts";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { Config } from "../schemas/config.ts";
import { Json } from "../schemas/json.ts";
import { adminOf } from "./auth.ts";
import { manageBodyBytes, readJson } from "./body.ts";
import { bodyLike, operation } from "./operation.ts";
import { withIsoTime } from "./time.ts";

const ConfigAnswer = v.object({ status: v.literal("success"), version: v.number(), config: Config });

const AppliedAnswer = v.object({
  status: v.literal("success"),
  version: v.number(),
  changed: v.boolean(),
  dryRun: v.boolean(),
  difference: v.array(
    v.object({
      op: v.picklist(["added", "removed", "changed"]),
      path: v.string(),
      before: v.optional(Json),
      after: v.optional(Json),
    }),
  ),
});

const VersionsAnswer = v.object({
  status: v.literal("success"),
  versions: v.array(v.object({ version: v.number(), author: v.string(), createdAt: v.string() })),
});

/** One offer on one surface: a demo that gets it still has the surface and the product that the other examples name. */
const exampleConfig: v.InferInput<typeof Config> = {
  products: [{ slug: "digital", name: "Digital Access" }],
  plans: [
    {
      slug: "monthly",
      name: "Monthly Digital",
      products: ["digital"],
      duration: "P1M",
      price: { currency: "usd", amountMinor: 999, interval: "month" },
    },
  ],
  redemptionMethods: [{ slug: "welcome", name: "Welcome", workflow: "export default () => ({ success: true });" }],
  offers: [
    {
      slug: "premium",
      name: "Premium",
      method: "welcome",
      plans: ["monthly"],
      presentation: { title: "Monthly Digital", price: "$9.99" },
    },
  ],
  experiences: [
    {
      slug: "banner",
      type: "html",
      html: "<h2>{{offer.presentation.title}}</h2><button data-redeem>{{offer.presentation.price}}</button>",
      offers: ["premium"],
    },
  ],
  surfaces: [
    {
      slug: "demo",
      components: [{ slug: "paywall", cssSelector: "#gate", slots: [{ key: "offer", experience: "banner" }] }],
    },
  ],
  allowedOrigins: ["https://news.example.com"],
};

const get = operation({
  tag: "Manage",
  summary: "The configuration in force, or an earlier one",
  security: "admin",
  query: { version: "A version number; the one in force when left out" },
  answers: { 200: ConfigAnswer },
  errors: [401, 403, 404],
});

const put = operation({
  tag: "Manage",
  summary: "Apply a configuration",
  description:
    "The body is the document itself, or what GET answered. All of it is validated, and applied as the next version " +
    "whole or not at all.",
  security: "admin",
  query: {
    dryRun: "`true` shows the difference and applies nothing",
    expectedVersion: "The version that the document was made from: 409 when another one came between",
  },
  body: bodyLike(Config, exampleConfig),
  answers: { 200: AppliedAnswer },
  errors: [400, 401, 403, 404, 409, 413, 422, 501, 503],
});

const versions = operation({
  tag: "Manage",
  summary: "The versions of the configuration, newest first",
  security: "admin",
  answers: { 200: VersionsAnswer },
  errors: [401, 403, 404],
});

/** `…/config` and `…/versions` of an environment. */
export function manageConfig(engine: Engine): Hono {
  return new Hono()
    .get("/:environmentId/config", describeRoute(get), async (c) => {
      await adminOf(c, engine, "viewer");
      const { version, config } = await currentConfig(
        engine,
        c.req.param("environmentId"),
        wholeNumber(c.req.query("version")),
      );
      return c.json({ status: "success", version, config });
    })
    .put("/:environmentId/config", describeRoute(put), async (c) => {
      const dryRun = c.req.query("dryRun") === "true";
      const admin = await adminOf(c, engine, dryRun ? "editor" : "publisher");
      const document = unwrapped(await readJson(c, manageBodyBytes));
      const applied = await applyConfig(engine, c.req.param("environmentId"), document, {
        author: admin.label,
        dryRun,
        expectedVersion: wholeNumber(c.req.query("expectedVersion")) ?? null,
      });
      return c.json({ status: "success", ...applied });
    })
    .get("/:environmentId/versions", describeRoute(versions), async (c) => {
      await adminOf(c, engine, "viewer");
      const environmentId = c.req.param("environmentId");
      await currentConfig(engine, environmentId);
      const rows = await listVersions(engine, environmentId);
      return c.json({ status: "success", versions: rows.map(withIsoTime) });
    });
}

const Envelope = v.strictObject({ status: v.literal("success"), version: v.number(), config: v.unknown() });

/** What GET answered may be sent back as it is. */
function unwrapped(body: unknown): unknown {
  const envelope = v.safeParse(Envelope, body);
  return envelope.success ? envelope.output.config : body;
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new ScripError("invalid_body", `"${text}" is not a version`);
  return Number(text);
}
