import * as v from "valibot";

/** A request that a workflow makes with `fetch`. */
export const OutboundRequest = v.object({
  url: v.pipe(v.string(), v.maxLength(8192), v.url()),
  method: v.optional(v.pipe(v.string(), v.regex(/^(GET|HEAD|POST|PUT|PATCH|DELETE)$/, "method is not allowed")), "GET"),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  body: v.optional(v.nullable(v.string()), null),
});
export type OutboundRequest = v.InferOutput<typeof OutboundRequest>;

/** What came back: `headers` in lower case, `body` as text. */
export type OutboundAnswer = {
  status: number;
  statusText: string;
  url: string;
  headers: Record<string, string>;
  body: string;
};

/** Limits of one request. `origins` is the environment's allow-list. */
export type OutboundPolicy = { origins: readonly string[]; responseBytes: number; timeoutMs: number };

const mostRedirects = 5;

/**
 * Fetches for a workflow: only from allowed origins, asked again at every redirect; bounded in size and time.
 * `publicFetch` checks the resolved addresses. Throws with a message for the workflow's author.
 */
export async function fetchOutbound(
  publicFetch: typeof fetch,
  request: OutboundRequest,
  policy: OutboundPolicy,
): Promise<OutboundAnswer> {
  const signal = AbortSignal.timeout(policy.timeoutMs);
  let next = { ...request, url: new URL(request.url) };
  for (let hop = 0; hop <= mostRedirects; hop++) {
    assertAllowed(next.url, policy.origins);
    const response = await publicFetch(next.url, {
      method: next.method,
      headers: safeHeaders(next.headers),
      body: next.body,
      redirect: "manual",
      signal,
    });
    const location = response.headers.get("location");
    if (location === null || ![301, 302, 303, 307, 308].includes(response.status)) {
      return readAnswer(response, next.url, policy.responseBytes);
    }
    await response.body?.cancel();
    next = redirected(next, response.status, new URL(location, next.url));
  }
  throw new Error(`more than ${mostRedirects} redirects`);
}

function assertAllowed(url: URL, origins: readonly string[]): void {
  if (url.username !== "" || url.password !== "") throw new Error("a URL must not contain credentials");
  if (!origins.includes(url.origin)) {
    throw new Error(`${url.origin} is not among the environment's outboundOrigins`);
  }
}

/** Headers that would let a workflow speak for the connection itself (RFC 9110 §7.6.1). */
const hopByHop = /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|keep-alive|proxy-.*|expect)$/i;

function safeHeaders(headers: Record<string, string>): Headers {
  const safe = new Headers({ "user-agent": "scrip-workflow" });
  for (const [name, value] of Object.entries(headers)) {
    if (hopByHop.test(name)) throw new Error(`header ${name} may not be set`);
    safe.set(name, value);
  }
  return safe;
}

type Hop = { url: URL; method: string; headers: Record<string, string>; body: string | null };

/** The next request after a redirect (Fetch §4.4): 303 and a POST's 301 or 302 become GET; credentials stay at home. */
function redirected(hop: Hop, status: number, url: URL): Hop {
  const turnsToGet = (status === 303 && hop.method !== "HEAD") || (status < 303 && hop.method === "POST");
  const leaves = url.origin !== hop.url.origin;
  const kept = Object.entries(hop.headers).filter(([name]) => {
    if (leaves && /^(authorization|cookie)$/i.test(name)) return false;
    return !(turnsToGet && /^content-/i.test(name));
  });
  return {
    url,
    headers: Object.fromEntries(kept),
    method: turnsToGet ? "GET" : hop.method,
    body: turnsToGet ? null : hop.body,
  };
}

async function readAnswer(response: Response, url: URL, mostBytes: number): Promise<OutboundAnswer> {
  const decoder = new TextDecoder();
  let body = "";
  let size = 0;
  if (response.body !== null) {
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > mostBytes) throw new Error(`the response is larger than ${mostBytes} bytes`);
      body += decoder.decode(chunk, { stream: true });
    }
  }
  return {
    status: response.status,
    statusText: response.statusText,
    url: url.href,
    headers: Object.fromEntries(response.headers),
    body: body + decoder.decode(),
  };
}
