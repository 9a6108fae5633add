import type { Context, MiddlewareHandler } from "hono";
import type { Engine } from "../engine/engine.ts";
import { ScripError } from "../engine/error.ts";
import type { ErrorCode } from "../schemas/error-codes.ts";
import { networkOf } from "./client-address.ts";
import type { Settings } from "./config.ts";

/** The address that a request comes from, as far as the runtime knows; nobody is limited by it where it is null. */
export type ClientAddress = (c: Context) => string | null;

declare module "hono" {
  interface ContextVariableMap {
    /** Whom wrong admin tokens are counted against. */
    operatorNetwork?: string | null;
  }
}

/** What an operator of a server in production should know of limits that are switched off. */
export function noticesOfNoLimit({ production, rateLimits }: Pick<Settings, "production" | "rateLimits">): string[] {
  if (!production) return [];
  const off = Object.entries(rateLimits).filter(([, limit]) => limit === 0);
  return off.map(([name]) => `there is no rate limit ${name}: the setting is 0`);
}

/** Who is counted for what comes from a request's address: the address, or its /64. */
export function clientOf(c: Context, { clientAddress }: { clientAddress?: ClientAddress }): string | null {
  const address = clientAddress?.(c) ?? null;
  return address === null ? null : networkOf(address);
}

/**
 * Failures of one purpose say nothing of another: behind one address an old page with a wrong key must not keep a buyer from
 * the token of a purchase.
 */
export function failuresOf(purpose: "key" | "token" | "webhook" | "admin", client: string | null): string | null {
  return client === null ? null : `${purpose} ${client}`;
}

/**
 * For what was not good, whoever it came from: counts an error of these codes against the client and throws it, or
 * `rate_limited` where there were too many. What is good is never refused for the failures of others at its address.
 */
export async function countFailure(
  { rateLimits }: Engine,
  error: unknown,
  { codes, failuresBy }: { codes: readonly ErrorCode[]; failuresBy: () => string | null },
): Promise<never> {
  if (error instanceof ScripError && codes.includes(error.code)) await rateLimits.take("failures", failuresBy());
  throw error;
}

/** Lets `adminOf` know where an operator's request comes from. */
export function knowOperator(options: { clientAddress?: ClientAddress }): MiddlewareHandler {
  return (c, next) => {
    c.set("operatorNetwork", clientOf(c, options));
    return next();
  };
}
