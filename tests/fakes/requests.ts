import type { World } from "./world.ts";

/** An answer, its body both as text and parsed. */
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member, and a wrong shape fails there
export type Answer = { status: number; text: string; body: any; headers: Headers };

/** What a request may carry. `key` is the world's secret key when left out; null sends none. */
export type Ask = { key?: string | null; body?: unknown; headers?: Record<string, string> };

/** Sends a request to a world through the front door. */
export async function ask(
  world: World,
  method: string,
  path: string,
  { key, body, headers }: Ask = {},
): Promise<Answer> {
  const authorization = key === null ? {} : { authorization: `Bearer ${key ?? world.secretKey}` };
  const payload = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await world.app.request(path, {
    method,
    headers: { ...authorization, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: payload }),
  });
  const text = await response.text();
  return { status: response.status, text, body: parse(text), headers: response.headers };
}

function parse(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Asks for a decision on the surface `web`. */
export function decideFor(world: World, identity: unknown, more: Record<string, unknown> = {}): Promise<Answer> {
  return ask(world, "POST", "/api/v1/surface-decisions", { body: { surfaceSlug: "web", identity, ...more } });
}

/** Redeems a token. */
export function redeemAs(world: World, identity: unknown, offerToken: unknown): Promise<Answer> {
  return ask(world, "POST", "/api/v1/offer-redemptions", { body: { identity, offerToken } });
}
