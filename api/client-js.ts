import { type Context, Hono } from "hono";
import { bundle } from "../sdk/generated/bundle.ts";
import type { AppOptions } from "./auth.ts";
import { header } from "./header.ts";

const types = {
  "client.js": "text/javascript; charset=utf-8",
  "client.mjs": "text/javascript; charset=utf-8",
  "client.d.ts": "application/typescript; charset=utf-8",
} as const;

const placeholder = "__SCRIP_PUBLIC_KEY__";

const headers = {
  // pages name no version in the address: a browser asks again after five minutes, and while it does uses what it has
  "Cache-Control": "public, max-age=300, stale-while-revalidate=3600",
  "X-Content-Type-Options": "nosniff",
  "Access-Control-Allow-Origin": "*",
  "Cross-Origin-Resource-Policy": "cross-origin",
  Vary: "Accept-Encoding",
};

type Served = { text: string; gzipped: Uint8Array<ArrayBuffer>; tag: string };

/**
 * `GET /client.js`, `/client.mjs` and `/client.d.ts`: the browser client and its types, for any page. The script has the
 * server's public key for pages, if there is one, so that a page need not name one.
 */
export function clientJs({ clientKey }: AppOptions): Hono {
  const app = new Hono();
  // values, not promises: where requests come and go by themselves none may wait for another's work
  const made = new Map<string, Served>();
  for (const name of ["client.js", "client.mjs", "client.d.ts"] as const) {
    app.get(`/${name}`, async (c) => {
      const text = bundle[name].replace(placeholder, publicKeyIn(clientKey?.()) ?? placeholder);
      const served = made.get(text) ?? (await make(text));
      made.set(text, served);
      const typed: Record<string, string> = name === "client.mjs" ? { "X-TypeScript-Types": "./client.d.ts" } : {};
      return answer(c, served, { ...headers, ...typed, "Content-Type": types[name] });
    });
  }
  return app;
}

function answer(c: Context, { text, gzipped, tag }: Served, given: Record<string, string>): Response {
  const isGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/i.test(header(c, "accept-encoding") ?? "");
  // RFC 9110 §8.8.3.3: each encoding is another representation
  const etag = isGzip ? `"${tag}-gzip"` : `"${tag}"`;
  const wanted = (header(c, "if-none-match") ?? "").split(",").map((one) => one.trim().replace(/^W\//, ""));
  if (wanted.includes(etag) || wanted.includes("*")) {
    return new Response(null, { status: 304, headers: { ...given, ETag: etag } });
  }
  if (!isGzip) return new Response(text, { headers: { ...given, ETag: etag } });
  // workerd compresses by itself what says to be compressed, unless it is told that it is
  const encoded = { encodeBody: "manual", headers: { ...given, ETag: etag, "Content-Encoding": "gzip" } };
  return new Response(gzipped, encoded);
}

async function make(text: string): Promise<Served> {
  const bytes = new TextEncoder().encode(text);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const tag = [...digest.subarray(0, 12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return { text, tag, gzipped: new Uint8Array(await new Response(stream).arrayBuffer()) };
}

/** Whatever is set: only a public key's own characters get into a script. */
function publicKeyIn(key: string | null | undefined): string | null {
  return key !== null && key !== undefined && /^pk_\w+$/.test(key) ? key : null;
}
