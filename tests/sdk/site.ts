import { serve } from "@hono/node-server";
import type { BrowserContext, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { bundle } from "../../sdk/generated/bundle.ts";
import type { Launched } from "../browser/browser.ts";

/** A request that a page sent to the server of a test. */
// biome-ignore lint/suspicious/noExplicitAny: tests read bodies member by member, and a wrong shape fails there
export type Sent = { path: string; body: any; headers: Headers };

/** What the server answers at a path: a body, or a whole response; it may take its time. */
export type Answering = (sent: Sent) => object | Response | Promise<object | Response>;

/** A newspaper's site and the Scrip server that its pages use, each on an origin of its own. */
export type Site = {
  url: string;
  serverUrl: string;
  /** What the pages asked, in order, without preflights. */
  sent: Sent[];
  answers: Map<string, Answering>;
  files: Map<string, { body: string; headers: Record<string, string> }>;
  stop(): Promise<void>;
};

export const publicKey = "pk_env_preview_0123456789012345678901234567890123456789";

/** Starts both. A path without an answer fails like a server that is broken. */
export async function startSite(): Promise<Site> {
  const sent: Sent[] = [];
  const answers: Site["answers"] = new Map();
  const files: Site["files"] = new Map();
  const server = await listen(async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/client")) return scriptAnswer(pathname);
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: pageHeaders });
    const text = await request.text();
    const one = { path: pathname.replace("/api/v1/", ""), body: JSON.parse(text || "null"), headers: request.headers };
    sent.push(one);
    const answered = (await answers.get(one.path)?.(one)) ?? refusal(500, "internal_error");
    if (!(answered instanceof Response)) return Response.json(answered, { headers: pageHeaders });
    for (const [name, value] of Object.entries(pageHeaders)) answered.headers.set(name, value);
    return answered;
  });
  const pages = await listen(async (request) => {
    const { pathname } = new URL(request.url);
    const file = files.get(pathname);
    if (pathname.startsWith("/slow")) await new Promise((done) => setTimeout(done, 300));
    return new Response(file?.body ?? "", { status: file ? 200 : 404, headers: file?.headers ?? {} });
  });
  return {
    url: pages.url,
    serverUrl: server.url,
    sent,
    answers,
    files,
    async stop() {
      await Promise.all([server.stop(), pages.stop()]);
    },
  };
}

const pageHeaders = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Headers": "Authorization, Content-Type",
  "Access-Control-Expose-Headers": "Retry-After",
  "Access-Control-Max-Age": "600",
};

function scriptAnswer(pathname: string): Response {
  const text = pathname === "/client.mjs" ? bundle["client.mjs"] : bundle["client.js"];
  const body = pathname === "/client-without-key.js" ? text : text.replace("__SCRIP_PUBLIC_KEY__", publicKey);
  const headers = { "Content-Type": "text/javascript", ...pageHeaders };
  return new Response(body, { headers });
}

function listen(fetch: (request: Request) => Promise<Response>): Promise<{ url: string; stop(): Promise<void> }> {
  return new Promise((done) => {
    const server = serve({ fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
      const stop = () => new Promise<void>((ended) => server.close(() => ended()));
      done({ url: `http://127.0.0.1:${port}`, stop });
    });
  });
}

/** An answer that refuses. */
export function refusal(status: number, code: string, more: object = {}): Response {
  return Response.json({ status: "error", statusCode: status, message: `Refused: ${code}`, code, ...more }, { status });
}

/** Too many requests, for as many seconds more. */
export function tooMany(retryAfter: string): Response {
  const answer = refusal(429, "rate_limited");
  answer.headers.set("Retry-After", retryAfter);
  return answer;
}

/** A member JWT as the client reads one, made `atMs` and good for `seconds`. */
export function memberJwt({
  seconds = 900,
  atMs = Date.now(),
  ...claims
}: Record<string, unknown> & { seconds?: number; atMs?: number } = {}) {
  const iat = Math.floor(atMs / 1000);
  const payload = {
    sub: "reader-1",
    iss: "scrip",
    products: ["digital"],
    sid: "ses_1",
    iat,
    exp: iat + seconds,
    ...claims,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256", typ: "member+jwt" })}.${part(payload)}.${Buffer.from(crypto.randomUUID()).toString("base64url")}`;
}

/** A session as the server gives one. */
export function session(jwt = memberJwt(), refreshToken = "refresh_1") {
  return { status: "success", jwt, expiresAt: new Date(Date.now() + 900_000).toISOString(), refreshToken };
}

export const entitlement = {
  id: "ent_1",
  resource: { id: "prod_1", slug: "digital", name: "Digital Access" },
  started_at: "2026-03-01T12:00:00.000Z",
  ended_at: "2026-04-01T12:00:00.000Z",
  is_active: true,
};

/** What an exchange answers. */
export function exchanged(given = session()) {
  return { ...given, method: "purchase", purchaseId: "pur_1", entitlement, entitlements: [entitlement] };
}

/** What a page is made of. Its scripts stand in files, because its policy allows none inline. */
export type PageParts = {
  /** Where it is: `/` and the name of the test's page. */
  path?: string;
  /** Attributes of the client's script tag beside `src`; null: the page has none. */
  script?: string | null;
  /** The script's address from `/` on. */
  src?: string;
  /** Scripts before the client's, and at the end of the body. */
  before?: string;
  after?: string;
  body?: string;
  policy?: string;
};

/** Every event of the client is noted in `window.heard`, as `[name, detail]`, by a script at the end of the body. */
const listening = `window.heard = [];
for (const name of ["allegro:ready", "allegro:authenticated", "allegro:logout", "allegro:jwt-refreshed",
  "allegro:jwt-refresh-failed", "allegro:purchase:completed", "allegro:purchase:failed", "scrip:purchase:pending",
  "scrip:redemption:completed", "scrip:redemption:failed"]) addEventListener(name, (event) => heard.push([name, event.detail]));
`;

let pageCount = 0;

/** Adds a page with a strict policy to the site, and gives its address. */
export function addPage(site: Site, parts: PageParts = {}): string {
  const name = `page-${++pageCount}`;
  const { path = `/${name}`, script = "", src = "/client.js", before = "", after = "", body = "" } = parts;
  const policy =
    parts.policy ?? `default-src 'none'; script-src 'self' ${site.serverUrl}; connect-src ${site.serverUrl}`;
  const tag = script === null ? "" : `<script ${script} src="${site.serverUrl}${src}"></script>`;
  const javascript = { "Content-Type": "text/javascript" };
  site.files.set(`/${name}-before.js`, { body: before, headers: javascript });
  site.files.set(`/${name}-after.js`, { body: listening + after, headers: javascript });
  site.files.set(path, {
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${name}</title>
<script src="/${name}-before.js"></script>${tag}</head><body>${body}<script src="/${name}-after.js"></script></body></html>`,
    headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy },
  });
  return `${site.url}${path}`;
}

/** What a page said beside its events. */
export type Watched = { page: Page; warnings: string[]; faults: string[] };

/** A page in a browser that knows nothing yet, or in a context that is there already. */
export async function openPage(launched: Launched, context?: BrowserContext): Promise<Watched> {
  if (!launched.ok) throw new Error(launched.reason);
  const own = context ?? (await launched.browser.newContext());
  if (context === undefined) onTestFinished(() => own.close());
  const page = await own.newPage();
  const warnings: string[] = [];
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "warning") warnings.push(message.text());
    // what a page's policy forbids is told as an error
    if (/Content Security Policy|TrustedHTML/.test(message.text())) faults.push(message.text());
  });
  return { page, warnings, faults };
}

/** The events that a page has heard, by name and detail. */
export function heard(page: Page): Promise<[string, unknown][]> {
  return page.evaluate<[string, unknown][]>("window.heard ?? []");
}

/** The names of the events that a page has heard, in their order, without `allegro:ready`. */
export async function heardNames(page: Page): Promise<string[]> {
  return (await heard(page)).map(([name]) => name).filter((name) => name !== "allegro:ready");
}

/** Expects it sooner or later: a machine that is busy with other tests takes its time. */
export function eventually<T>(what: () => T | Promise<T>) {
  return expect.poll(what, { timeout: 10_000 });
}
