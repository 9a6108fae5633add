/** `utils.purchase`, `utils.entitlements` and `utils.identity`: what the host answers, in the shape that an author knows. */
import type { Core } from "./parts.ts";

declare const core: Core;
const { callHost, givenUtils, kept, provide } = core;

type Named = { identifier?: unknown; userType?: unknown };
type Counter = { counterId?: unknown };

/** Somebody by name: a workflow's whole `identity` will do. */
function nameOf(identity: unknown): object {
  const { identifier, userType }: Named = Object(identity);
  return { identifier, userType };
}

/** Known at once and without the host, which puts the purchase's key in its place when Stripe is asked for the session. */
function returnUrl(target: unknown): string {
  const text = `${target}`;
  if (!/^https?:\/\//i.test(text)) {
    throw new TypeError("utils.purchase.returnUrl takes an address that begins with https:// or http://");
  }
  const { returnEndpoint }: { returnEndpoint?: unknown } = Object(givenUtils());
  return `${returnEndpoint}?to=${encodeURIComponent(text)}&session_id={CHECKOUT_SESSION_ID}`;
}

const purchase = { returnUrl };

const entitlements = {
  has: (product: unknown) => callHost("entitlements.has", { product }),
  grant: (wish: unknown) => callHost("entitlements.grant", wish),
};

const identity = {
  readCustomData: (who: unknown, key?: unknown) => callHost("identity.readCustomData", { who: nameOf(who), key }),
  writeCustomData: async (who: unknown, key: unknown, value: unknown) => {
    await callHost("identity.writeCustomData", { who: nameOf(who), key, value });
  },
  deleteCustomData: async (who: unknown, key: unknown) => {
    await callHost("identity.deleteCustomData", { who: nameOf(who), key });
  },
  incrementCounter: (who: unknown, counter: unknown, options?: { increment?: unknown }) => {
    const { counterId }: Counter = Object(counter);
    return callHost("identity.incrementCounter", { who: nameOf(who), counterId, increment: options?.increment ?? 1 });
  },
  getLinkedSources: (who: unknown) => callHost("identity.getLinkedSources", { who: nameOf(who) }),
  getLinkedTargets: (who: unknown) => callHost("identity.getLinkedTargets", { who: nameOf(who) }),
  resolveJwt: (jwt: unknown) => callHost("identity.resolveJwt", { jwt }),
};

provide({ purchase: kept.freeze(purchase), entitlements: kept.freeze(entitlements), identity: kept.freeze(identity) });
