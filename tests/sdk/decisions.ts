import { refusal, type Sent } from "./site.ts";

let minted = 0;

/** Visitors are numbered from 1 again. */
export function forgetVisitors(): void {
  minted = 0;
}

/** As the server: an identity form into an identity. JWTs whose subject is refused are not taken. */
export function identityOf({ body }: Sent): { authType: string; isAuthenticated: boolean; identifier: string } | null {
  const { userJwt, anonymousIdentifier, createAnonymousIdentifierFallback: fallback } = body.identity;
  const anonymous = (identifier: string) => ({ authType: "anonymous", isAuthenticated: false, identifier });
  if (userJwt === undefined) return anonymous(anonymousIdentifier ?? `anon_${++minted}`);
  const { sub } = JSON.parse(Buffer.from(userJwt.split(".")[1], "base64url").toString());
  if (sub !== "refused") return { authType: "jwt", isAuthenticated: true, identifier: sub };
  return fallback ? anonymous(`anon_${++minted}`) : null;
}

/** What one component says. */
export type Content = Record<string, unknown>;

/** A decision for whoever asks, with these components; a refusal where the JWT is not taken. */
export function decision(sent: Sent, components: Record<string, { selector: unknown; content: Content }>) {
  const identity = identityOf(sent);
  if (identity === null) return refusal(401, "invalid_user_jwt");
  const behaviors = Object.entries(components).map(([slug, { selector, content }]) => [
    slug,
    { content, properties: {}, metadata: { cssSelector: selector } },
  ]);
  return {
    status: "success",
    eventId: "941c5b52-39ff-4dab-9031-e39ef37e061a",
    identity: { ...identity, jwtClaims: {} },
    customer: { isCustomer: false, hasProducts: false, customerIdentifiers: [] },
    features: {},
    surfaceBehavior: {},
    componentsSkipped: false,
    componentBehaviors: Object.fromEntries(behaviors),
    offers: [],
  };
}
