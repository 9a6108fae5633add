import { type LookupAddress, lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, fetch as undiciFetch } from "undici";
import { isPublicAddress, notPublic } from "./public-address.ts";

/** What tests want otherwise: which addresses are well, and who tells the addresses of a name. */
export type PublicFetchOptions = { isAllowed?: (address: string) => boolean; resolve?: Resolve };

/** All addresses of a name, as `dns.lookup` tells them. */
export type Resolve = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A `fetch` that connects to public addresses only. The address is checked where the connection is made: it is connected to
 * what DNS said in that very question, so that a name that changes its mind between check and use gains nothing. A name
 * with one address that is not public has none. Node only.
 */
export function createPublicFetch({
  isAllowed = isPublicAddress,
  resolve = lookup,
}: PublicFetchOptions = {}): typeof fetch {
  const checkedLookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
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
