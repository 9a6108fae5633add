import ipaddr from "ipaddr.js";
import { OutboundError } from "./outbound.ts";

/** Of IPv6 only this is given out to the public internet (RFC 4291 §2.4, IANA's registry of global unicast). */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an address belongs to the public internet: not private, loopback, link-local (where clouds keep their
 * metadata), shared, multicast, reserved, of one network card, or one of these wrapped into IPv6.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || (!address.includes("%") && parsed.match(globalUnicast));
}

/** The error of a host that is not to be reached. */
export function notPublic(host: string): OutboundError {
  return new OutboundError(`${host} is not a public address`);
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
