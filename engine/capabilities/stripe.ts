import * as v from "valibot";
import { createsCheckoutSession, recordPendingPurchase, withReferences } from "../checkout.ts";
import { type StripeAnswer, StripeRequest, sendToStripe } from "../stripe.ts";
import { type CallContext, type Capability, CapabilityError, parseArguments } from "./call.ts";
import { withoutReturnKeys, withReturn } from "./returns.ts";

const Arguments = v.object({
  accountId: v.string(),
  request: v.pipe(
    StripeRequest,
    v.check(
      ({ method, body }) => method === "POST" || body === undefined,
      "other than a POST takes no body: put its parameters into the path",
    ),
  ),
});

/** `stripe.fetch`: calls Stripe with the account's key, which stays here. */
export const callStripe: Capability = async (context, args) => {
  const { engine, environment, sale, seq, unheard } = context;
  const { accountId, request } = parseArguments(Arguments, args, "stripe.fetch");
  const secretKey = environment.stripeAccounts.get(accountId);
  if (secretKey === undefined)
    throw new CapabilityError(`unknown Stripe account ${accountId}: connect it to this environment`);
  if (context.guarded && !/^[rs]k_test_/.test(secretKey)) {
    throw new CapabilityError(
      "a source of your own reaches Stripe with test keys only, unless your role is publisher: try the version in force, or an environment with a test key",
    );
  }
  const sells = createsCheckoutSession(request);
  if (sells && Object.keys(request.headers ?? {}).some((name) => /^stripe-account$/i.test(name)))
    throw new CapabilityError("a Checkout Session cannot be made for Stripe-Account: connect that account instead");
  const returning = sells ? await withReturn(context, request) : { request };
  const sold = sells && sale !== null ? { ...sale, ...returning.sale } : null;
  const sent = sold === null ? returning.request : withReferences(returning.request, environment.id, sold);
  const client = engine.stripe(secretKey);
  if (request.method === "POST") unheard.add(seq);
  const answer = await sendToStripe(client, sent, `${context.idempotencyKey}-${seq}`);
  // recorded before the workflow learns of the session: no buyer can pay for what we do not know of
  if (sold !== null && answer.ok) await recordPendingPurchase(engine, { accountId, answer: answer.body, sale: sold });
  if (isHeard(answer)) unheard.delete(seq);
  return shown(context, answer);
};

const Unheard = v.object({
  error: v.union([
    v.object({ type: v.literal("api_connection_error") }),
    v.object({ code: v.literal("idempotency_key_in_use") }),
  ]),
});

/** Not when no answer came, and not while an earlier request of the same key is still under way. */
function isHeard({ ok, body }: StripeAnswer): boolean {
  return ok || !v.is(Unheard, body);
}

function shown({ engine, budgets }: CallContext, answer: StripeAnswer): StripeAnswer {
  if (JSON.stringify(answer.body).length > budgets.responseBytes) {
    throw new CapabilityError(`Stripe's answer is larger than ${budgets.responseBytes} bytes`);
  }
  return { ...answer, body: withoutReturnKeys(engine.publicUrl, answer.body) };
}
