import * as v from "valibot";

/** A request that a workflow makes with `fetch`. A body of bytes comes as `bodyBase64`. */
export const OutboundRequest = v.object({
  url: v.pipe(v.string(), v.maxLength(8192), v.url()),
  method: v.optional(v.pipe(v.string(), v.regex(/^(GET|HEAD|POST|PUT|PATCH|DELETE)$/, "method is not allowed")), "GET"),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  body: v.optional(v.nullable(v.string()), null),
  bodyBase64: v.optional(v.pipe(v.string(), v.base64())),
  redirect: v.optional(v.picklist(["follow", "error", "manual"])),
});
export type OutboundRequest = v.InferOutput<typeof OutboundRequest>;

/**
 * What came back: `headers` in lower case, `set-cookie` as a list; `body` where it is UTF-8 text, `bodyBase64` where it is
 * anything else.
 */
export type OutboundAnswer = {
  status: number;
  statusText: string;
  url: string;
  redirected: boolean;
  headers: Record<string, string | string[]>;
} & ({ body: string } | { bodyBase64: string });

/** Limits of one request. `origins` is the environment's allow-list. */
export type OutboundPolicy = { origins: readonly string[]; responseBytes: number; timeoutMs: number };

/** Why a request was not made or not finished, in words for the workflow's author. */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
}

const mostRedirects = 5;

/**
 * Fetches for a workflow: only from allowed origins, asked again at every redirect; bounded in size, also of what was
 * compressed, and in time, from the first byte to the last. `publicFetch` checks the addresses. Throws an `OutboundError`.
 */
export async function fetchOutbound(
  publicFetch: typeof fetch,
  request: OutboundRequest,
  policy: OutboundPolicy,
): Promise<OutboundAnswer> {
  try {
    return await follow(publicFetch, request, policy);
  } catch (error) {
    throw new OutboundError(reasonOf(error, policy), { cause: error });
  }
}

async function follow(
  publicFetch: typeof fetch,
  request: OutboundRequest,
  { origins, responseBytes, timeoutMs }: OutboundPolicy,
): Promise<OutboundAnswer> {
  const signal = AbortSignal.timeout(timeoutMs);
  let hop = firstHop(request);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    assertAllowed(hop.url, origins);
    const { method, body } = hop;
    const headers = safeHeaders(hop.headers);
    const response = await publicFetch(hop.url, { method, headers, body, redirect: "manual", signal });
    const location = response.headers.get("location");
    const redirect = location !== null && [301, 302, 303, 307, 308].includes(response.status);
    if (!redirect || request.redirect === "manual") {
      return readAnswer(response, { url: hop.url, redirected: redirects > 0, mostBytes: responseBytes });
    }
    await response.body?.cancel();
    if (request.redirect === "error") throw new OutboundError(`${hop.url.origin} redirects, which the request forbids`);
    hop = redirected(hop, response.status, location);
  }
  throw new OutboundError(`more than ${mostRedirects} redirects`);
}

/** What became of a request, without the network's own words: they name addresses and files of the host. */
function reasonOf(error: unknown, { timeoutMs }: OutboundPolicy): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof OutboundError) return cause.message;
    if (cause.name === "TimeoutError") return `it took longer than ${timeoutMs} ms`;
    if ("code" in cause && cause.code === "ENOTFOUND") return "the name of the host is not known";
  }
  return "the host cannot be reached, or broke off";
}

function assertAllowed(url: URL, origins: readonly string[]): void {
  if (url.username !== "" || url.password !== "") throw new OutboundError("a URL must not contain credentials");
  if (!origins.includes(url.origin)) {
    throw new OutboundError(`${url.origin} is not among the environment's outboundOrigins`);
  }
}

/** Headers that would let a workflow speak for the connection itself (RFC 9110 §7.6.1). */
const hopByHop = /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|keep-alive|proxy-.*|expect)$/i;

function safeHeaders(headers: Record<string, string>): Headers {
  const safe = new Headers({ "user-agent": "scrip-workflow" });
  for (const [name, value] of Object.entries(headers)) {
    if (hopByHop.test(name)) throw new OutboundError(`header ${name} may not be set`);
    safe.set(name, value);
  }
  return safe;
}

type Hop = { url: URL; method: string; headers: Record<string, string>; body: string | Uint8Array<ArrayBuffer> | null };

function firstHop({ url, method, headers, body, bodyBase64 }: OutboundRequest): Hop {
  const bytes = bodyBase64 === undefined ? body : Uint8Array.fromBase64(bodyBase64);
  return { url: new URL(url), method, headers, body: bytes };
}

/** All that another origin learns: whatever else a header carries, a key by a name of its own too, was for the first one. */
const harmless = /^(accept|accept-language|content-(type|language|encoding)|user-agent)$/i;

/** The next request after a redirect (Fetch §4.4): 303 and a POST's 301 or 302 become GET; credentials stay at home. */
function redirected(hop: Hop, status: number, location: string): Hop {
  if (!URL.canParse(location, hop.url)) throw new OutboundError(`${hop.url.origin} redirects to what is no address`);
  const url = new URL(location, hop.url);
  if (hop.url.protocol === "https:" && url.protocol !== "https:") {
    throw new OutboundError(`${hop.url.origin} redirects from https to ${url.protocol}//, which anybody could read`);
  }
  const turnsToGet = (status === 303 && hop.method !== "HEAD") || (status < 303 && hop.method === "POST");
  const leaves = url.origin !== hop.url.origin;
  const kept = Object.entries(hop.headers).filter(([name]) => {
    if (leaves && !harmless.test(name)) return false;
    return !(turnsToGet && /^content-/i.test(name));
  });
  return {
    url,
    headers: Object.fromEntries(kept),
    method: turnsToGet ? "GET" : hop.method,
    body: turnsToGet ? null : hop.body,
  };
}

type Reading = { url: URL; redirected: boolean; mostBytes: number };

async function readAnswer(response: Response, { url, redirected, mostBytes }: Reading): Promise<OutboundAnswer> {
  const bytes = await readBytes(response, mostBytes);
  const cookies = response.headers.getSetCookie();
  return {
    status: response.status,
    statusText: response.statusText,
    url: url.href,
    redirected,
    headers: { ...Object.fromEntries(response.headers), ...(cookies.length === 0 ? {} : { "set-cookie": cookies }) },
    ...asText(bytes),
  };
}

/** Counted as they are unpacked: what was sent may be a thousandth of it. Breaking off closes the connection. */
async function readBytes({ body }: Response, mostBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body !== null) {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > mostBytes) throw new OutboundError(`the response is larger than ${mostBytes} bytes`);
      chunks.push(chunk);
    }
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** Text where that gives the same bytes back and is no longer than base64 would be, as zeros are in JSON. */
function asText(bytes: Uint8Array): { body: string } | { bodyBase64: string } {
  try {
    const body = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (JSON.stringify(body).length <= 64 + bytes.length * 1.5) return { body };
  } catch {
    // it is not UTF-8
  }
  return { bodyBase64: bytes.toBase64() };
}
