import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, fetch as undiciFetch } from "undici";
import { isPublicAddress, notPublic } from "./public-address.ts";

/**
 * A `fetch` that connects to public addresses only. The address is checked where the connection is made, after DNS,
 * so that a name that changes its mind between check and use gains nothing. Node only.
 */
export function createPublicFetch(isAllowed: (address: string) => boolean = isPublicAddress): typeof fetch {
  const checkedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "", 0);
      const refused = addresses.find(({ address }) => !isAllowed(address));
      const [first] = addresses;
      if (refused !== undefined || first === undefined) return callback(notPublic(hostname), "", 0);
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
  const dispatcher = new Agent({ connect: { lookup: checkedLookup, timeout: 5000 } });
  const publicFetch = async (input: string | URL | Request, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input);
    // a literal address is never looked up
    const literal = url.hostname.replace(/^\[|\]$/g, "");
    if (isIP(literal) !== 0 && !isAllowed(literal)) throw notPublic(literal);
    return undiciFetch(url, { ...init, dispatcher });
  };
  return publicFetch;
}
