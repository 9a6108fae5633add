import { cors } from "hono/cors";

const expose = "Retry-After";

/**
 * Answers preflights. Any page may ask, because nothing is granted to a page by its cookies: a key decides, and a public
 * key counts only from its environment's allowed origins.
 */
export const preflight = cors({
  origin: "*",
  allowMethods: ["GET", "POST"],
  allowHeaders: ["Authorization", "Content-Type", "X-MOS-Browser-Version", "X-Scrip-Version"],
  exposeHeaders: [expose],
  maxAge: 600,
});

/**
 * The headers that let a page read an answer. hono/cors as a middleware would make the Node server build every Response
 * twice, which costs more than all the rest of a decision's routing.
 */
export const pageHeaders = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": expose };
