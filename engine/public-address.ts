import ipaddr from "ipaddr.js";

/**
 * Whether an address belongs to the public internet: not private, loopback, link-local (where clouds keep their
 * metadata), multicast, reserved, or one of these wrapped into IPv6.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  return ipaddr.process(address).range() === "unicast";
}

/** The error of a host that is not to be reached. */
export function notPublic(host: string): Error {
  return new Error(`${host} is not a public address`);
}

/**
 * A `fetch` for networks that lead to public addresses only, as Cloudflare's does, and where names cannot be looked up: what
 * is written as an address is refused here, before anybody is asked.
 */
export function refusingPrivate(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    const literal = hostname.replace(/^\[|\]$/g, "");
    if (ipaddr.isValid(literal) && !isPublicAddress(literal)) throw notPublic(literal);
    return fetch(input, init);
  };
}
