import type { Context } from "hono";
import { type Admin, type AdminRole, authenticateAdmin } from "../engine/admin.ts";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import { authenticate, type Caller } from "../engine/keys.ts";
import type { ErrorCode } from "../schemas/error-codes.ts";
import type { Surroundings } from "../schemas/request.ts";
import { header } from "./header.ts";
import { type ClientAddress, clientOf, countFailure, failuresOf } from "./rate-limits.ts";

/** What the routes need beside the engine. */
export type AppOptions = {
  /** Origins that this server is itself reached at: its own pages may use public keys. */
  ownOrigins: readonly string[];
  /** The public key that `/client.js` carries for pages that name none; null or nothing: there is none. */
  clientKey?: () => string | null;
  clientAddress?: ClientAddress;
};

const wrongKey: readonly ErrorCode[] = ["invalid_api_key", "organization_not_found"];

/**
 * Finds the caller of a request by its key, and counts the request. A public key is taken only from a page of an allowed
 * origin. Throws `invalid_api_key`, `organization_not_found`, `origin_not_allowed` or `rate_limited`.
 */
export async function callerOf(c: Context, engine: Engine, options: AppOptions): Promise<Caller> {
  const key = bearer(c);
  if (key === undefined) throw new ScripError("invalid_api_key", "Invalid API key");
  const caller = await authenticate(engine, key).catch((error: unknown) =>
    countFailure(engine, error, { codes: wrongKey, failuresBy: () => failuresOf("key", clientOf(c, options)) }),
  );
  // first by address: what one visitor does too often is not counted against all the others of the site
  if (caller.kind === "pk") {
    await engine.rateLimits.take("reads", clientOf(c, options));
    assertOrigin(c, caller, options);
  }
  await engine.rateLimits.take("key", caller.keyId);
  return caller;
}

/** The same for what a page seldom asks for, because it begins, ends or costs something: fewer of it are let through. */
export async function actingCallerOf(c: Context, engine: Engine, options: AppOptions): Promise<Caller> {
  if (bearer(c)?.startsWith("pk_")) await engine.rateLimits.take("actions", clientOf(c, options));
  return callerOf(c, engine, options);
}

function assertOrigin(c: Context, caller: Caller, options: AppOptions): void {
  const origin = header(c, "origin");
  const { allowedOrigins } = caller.environment.compiled.config;
  if (origin !== undefined && (allowedOrigins.includes(origin) || options.ownOrigins.includes(origin))) return;
  const why =
    origin === undefined
      ? "A request without an Origin header may not use a public key: only pages may, a server has a secret key"
      : `The origin ${origin} may not use a public key: add it to allowedOrigins`;
  throw new ScripError("origin_not_allowed", why);
}

/** Finds the caller and demands a secret key. */
export async function secretCallerOf(c: Context, engine: Engine, options: AppOptions): Promise<Caller> {
  const caller = await callerOf(c, engine, options);
  if (caller.kind === "pk") throw new ScripError("secret_key_required", "This needs a secret key");
  return caller;
}

/** Refuses what only a site's server may say of a visitor (MonetizationOS). Throws `secret_key_required`. */
export function assertPageMaySay(c: Context, caller: Caller, request: Surroundings): void {
  if (caller.kind === "sk") return;
  if (request.cloudflare !== undefined) throw new ScripError("secret_key_required", "cloudflare needs a secret key");
  if (header(c, "x-mos-user-agent") !== undefined) {
    throw new ScripError("secret_key_required", "x-mos-user-agent needs a secret key");
  }
}

/** Finds the operator of a request by the admin token and demands a role. */
export async function adminOf(c: Context, engine: Engine, needed: AdminRole): Promise<Admin> {
  const token = bearer(c);
  if (token === undefined) throw new ScripError("invalid_admin_token", "Invalid admin token");
  const authenticated = () => authenticateAdmin(engine, token, needed);
  const failuresBy = failuresOf("admin", c.get("operatorNetwork") ?? null);
  return engine.rateLimits.attempt(failuresBy, ["invalid_admin_token"], authenticated);
}

/** What the request carries in `Authorization: Bearer …`. */
export function bearer(c: Context): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header(c, "authorization") ?? "")?.[1];
}
