import { warn } from "./page.ts";

/** What a buyer comes back from a checkout with. */
export type Returned = { token?: string; error?: string; pending?: string };

const parameters = {
  token: "allegro_purchase_token",
  error: "allegro_purchase_error",
  pending: "allegro_purchase_pending",
};
const own = Object.values(parameters);

/** An address without the parameters of a return. The others stay as they are written. */
export function withoutReturn(address: string): string {
  const url = new URL(address);
  const pairs = url.search.slice(1).split("&");
  const kept = pairs.filter((pair) => !own.includes(pair.split("=")[0] ?? ""));
  if (kept.length < pairs.length) url.search = kept.join("&");
  return url.href;
}

/** Reads how the buyer returned, and takes it out of the page's address without an entry in the history. */
export function takeReturn(): Returned {
  const given = new URLSearchParams(location.search);
  const returned: Returned = {};
  for (const name of ["token", "error", "pending"] as const) {
    const value = given.get(parameters[name]);
    if (value) returned[name] = value;
  }
  const clean = withoutReturn(location.href);
  try {
    if (clean !== location.href) history.replaceState(history.state, "", clean);
  } catch (fault) {
    warn("the address still tells of the return", fault);
  }
  return returned;
}
