import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { SignJWT } from "jose";

/** The ceiling: Hono reads a JSON body, jose signs one HS256 token, the answer carries it. Nothing is decided or kept. */
const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
const app = new Hono().post("/", async (c) => {
  const body: unknown = await c.req.json();
  const iat = Math.floor(Date.now() / 1000);
  const claims = { aud: "env_preview", jti: crypto.randomUUID(), sub: "buyer@example.com", iat, exp: iat + 3600 };
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "offer+jwt" }).sign(key);
  return c.json({ status: "success", asked: body !== null, token });
});
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}/`, body: { surfaceSlug: "web" }, headers: {} }));
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
