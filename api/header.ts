import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";

/**
 * A request header, `name` in lower case. On Node it is read from the request as it was parsed: asking Hono makes a
 * Headers object of all of them, which costs more than the rest of authentication.
 */
export function header(c: Context, name: string): string | undefined {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  const value = bindings?.incoming?.headers[name];
  if (bindings?.incoming === undefined) return c.req.header(name);
  return Array.isArray(value) ? value.join(", ") : value;
}
