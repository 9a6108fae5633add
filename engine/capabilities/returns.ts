import * as v from "valibot";
import { Json } from "../../schemas/json.ts";
import type { SaleReturn } from "../checkout.ts";
import { sha256Hex } from "../digest.ts";
import { ScripError } from "../error.ts";
import { newGuest } from "../guests.ts";
import { mask } from "../masking.ts";
import { allowedReturnUrl, returnAddresses, returnEndpoint } from "../return-url.ts";
import type { StripeRequest } from "../stripe.ts";
import { type CallContext, CapabilityError } from "./call.ts";

/** A request to Stripe whose buyer comes back by our own return endpoint, where its author wished so. */
export type Returning = { request: StripeRequest; sale?: { return: SaleReturn } };

/**
 * Puts the return key of a new purchase into the addresses that `utils.purchase.returnUrl` made. Their targets must be on
 * an allowed origin or on this server, as a page's `returnUrl` must: the token that comes along signs the buyer in, and
 * what a workflow sends a buyer to may come from a request. The key is derived from the attempt and the call, because an
 * attempt that is taken up again must ask Stripe for the same session. A try has no purchase: its buyer goes on at once.
 */
export async function withReturn(context: CallContext, request: StripeRequest): Promise<Returning> {
  const { success_url, return_url, cancel_url, ...body } = request.body ?? {};
  const [success, back, cancel] = [success_url, return_url, cancel_url].map((url) => targetIn(context, url));
  const target = success ?? back ?? cancel;
  if (target === undefined) return { request };
  if (context.sale === null) {
    const plain = {
      success_url: success ?? success_url,
      return_url: back ?? return_url,
      cancel_url: cancel ?? cancel_url,
    };
    return { request: { ...request, body: { ...body, ...given(plain) } } };
  }
  const { saleReturn, key } = await newReturn(context, target);
  const ways = returnAddresses(context.engine.publicUrl, key);
  const left =
    cancel === undefined || cancel === target ? ways.cancel : `${ways.cancel}&to=${encodeURIComponent(cancel)}`;
  const own = {
    success_url: success === undefined ? success_url : ways.success,
    return_url: back === undefined ? return_url : ways.success,
    cancel_url: cancel === undefined ? cancel_url : left,
  };
  return { request: { ...request, body: { ...body, ...given(own) } }, sale: { return: saleReturn } };
}

/** What `utils.purchase.returnUrl` was asked for, or undefined for an address that it did not make. */
function targetIn({ engine, environment }: CallContext, url: Json | undefined): string | undefined {
  const endpoint = `${returnEndpoint(engine.publicUrl)}?to=`;
  if (typeof url !== "string" || !url.startsWith(endpoint)) return undefined;
  const target = new URL(url).searchParams.get("to") ?? "";
  try {
    const { allowedOrigins } = environment.compiled.config;
    return allowedReturnUrl(target, [...allowedOrigins, new URL(engine.publicUrl).origin]);
  } catch (error) {
    if (error instanceof ScripError) throw new CapabilityError(`utils.purchase.returnUrl: ${error.message}`);
    throw error;
  }
}

async function newReturn(
  { engine, environment, identity, idempotencyKey, seq }: CallContext,
  target: string,
): Promise<{ saleReturn: SaleReturn; key: string }> {
  const derived = await engine.vault.derive(`purchase-return:${environment.id}:${idempotencyKey}-${seq}`);
  const [purchaseId, secret] = [`pur_${derived.slice(0, 24)}`, derived.slice(24)];
  const saleReturn = {
    purchaseId,
    url: target,
    keyHash: await sha256Hex(secret),
    guest: identity.isAuthenticated ? null : newGuest(),
  };
  return { saleReturn, key: `${purchaseId}.${secret}` };
}

/** Members that are there. */
function given(members: Record<string, Json | undefined>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** What Stripe answered, without the keys of returns: whoever has one gets a token for the buyer's session. */
export function withoutReturnKeys(publicUrl: string, body: Json): Json {
  const before = `${returnEndpoint(publicUrl)}?key=`;
  const text = JSON.stringify(body);
  if (!text.includes(before)) return body;
  const [first = "", ...rest] = text.split(before);
  const clean = rest.map((part) => before + part.replace(/^[\w.]+/, mask));
  return v.parse(Json, JSON.parse(first + clean.join("")));
}
