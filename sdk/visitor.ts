import type { SignedIn } from "./member.ts";
import { isRecord } from "./page.ts";
import { type Answer, ask, type Server } from "./server.ts";

/** Whoever is on the page: asks the server as the member who is signed in, or as an anonymous visitor who stays the same. */
export type Visitor = { ask(path: string, body: object, options?: { mayFallBack?: boolean }): Promise<Answer> };

const cookie = "scrip_anonymous";
const yearSeconds = 31_536_000;

/** Makes the visitor of this page. The anonymous identifier is the server's, kept in a cookie of the site for a year. */
export function createVisitor(server: Server, member: SignedIn): Visitor {
  /** What this page is known by: another tab may write the cookie, but this page's offers were made to this one. */
  let identifier = cookieValue();
  let refusedJwt: string | null = null;
  /** While the server mints an identifier, other requests wait for it: a page is one visitor. */
  let minting: Promise<unknown> | null = null;

  async function usableJwt(): Promise<string | null> {
    const jwt = await member.freshJwt();
    return jwt === refusedJwt ? null : jwt;
  }

  async function askAs(jwt: string | null, path: string, body: object, mayFallBack: boolean): Promise<Answer> {
    if (jwt !== null) {
      const fallback = mayFallBack ? { createAnonymousIdentifierFallback: true } : {};
      return ask(server, path, { ...body, identity: { userJwt: jwt, ...fallback } });
    }
    while (identifier === null && minting !== null) await minting;
    if (identifier !== null) return ask(server, path, { ...body, identity: { anonymousIdentifier: identifier } });
    const answered = ask(server, path, { ...body, identity: { createAnonymousIdentifier: true } }).then(remember);
    minting = answered.finally(() => {
      minting = null;
    });
    return answered;
  }

  function remember(answer: Answer): Answer {
    const told = answer.body.identity;
    if (!isRecord(told) || told.isAuthenticated !== false || typeof told.identifier !== "string") return answer;
    identifier ??= told.identifier;
    const written = cookieValue();
    if (written === null || written === identifier) writeCookie(identifier);
    return answer;
  }

  return {
    async ask(path, body, { mayFallBack = false } = {}) {
      const jwt = await usableJwt();
      const answer = await askAs(jwt, path, body, mayFallBack);
      if (jwt === null || !isRefusedJwt(answer)) return remember(answer);
      refusedJwt = jwt;
      const next = await member.nextJwt();
      // the server has made a visitor of somebody who was none before
      if (answer.ok && next === null && identifier === null) return remember(answer);
      return remember(await askAs(next, path, body, mayFallBack));
    },
  };
}

/** The server did not take the JWT: it says so, or it fell back to an anonymous visitor. */
function isRefusedJwt(answer: Answer): boolean {
  if (!answer.ok) return answer.code === "invalid_user_jwt" || answer.code === "user_jwt_not_configured";
  const told = answer.body.identity;
  return isRecord(told) && told.isAuthenticated === false;
}

/** The identifier in the cookie; null where there is none that can be used. */
function cookieValue(): string | null {
  try {
    const [, value = ""] = new RegExp(`(?:^|; )${cookie}=([^;]{1,2048})`).exec(document.cookie) ?? [];
    return decodeURIComponent(value) || null;
  } catch {
    return null;
  }
}

function writeCookie(identifier: string): void {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  try {
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser, nor over plain http
    document.cookie = `${cookie}=${encodeURIComponent(identifier)}; Path=/; Max-Age=${yearSeconds}; SameSite=Lax${secure}`;
  } catch {
    // a sandboxed page has no cookies: the visitor is known on this page only
  }
}
