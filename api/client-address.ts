import ipaddr from "ipaddr.js";
import { LRUCache } from "lru-cache";

type Address = ReturnType<typeof ipaddr.process>;
type Range = ReturnType<typeof ipaddr.parseCIDR>;

/**
 * Whose word on a client's address is taken: the last so many proxies', whatever their addresses, or that of proxies at
 * these addresses. None: only the connection counts.
 */
export type TrustedProxies = { count: number } | { ranges: readonly Range[] };

/** What tells where a request comes from: the address of the connection's other end, and the proxies' headers. */
export type Origins = {
  peer: string | undefined;
  forwardedFor: string | undefined;
  forwarded: string | undefined;
};

/** Where a proxy of one's own stands: this machine, a private network, a link (RFC 1918, 4193, 6598). */
const privateRanges = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
];

/** Reads `none`, `private`, a number of proxies, or a comma list of addresses and ranges. Null: it is none of these. */
export function readTrustedProxies(text: string): TrustedProxies | null {
  if (text === "none") return { ranges: [] };
  if (/^[1-9]\d?$/.test(text)) return { count: Number(text) };
  const words = text.split(",").flatMap((word) => (word.trim() === "private" ? privateRanges : [word.trim()]));
  const ranges = words.map(readRange);
  const known = ranges.filter((range) => range !== null);
  return known.length === ranges.length ? { ranges: known } : null;
}

/**
 * The client's address, read from the right: each proxy that is trusted adds the address that it was asked from, and what
 * stands left of that anybody may have written. Null where no address is known: a trusted proxy named nobody.
 * `X-Forwarded-For` goes before `Forwarded` (RFC 7239).
 */
export function clientAddressOf(trusted: TrustedProxies, { peer, forwardedFor, forwarded }: Origins): string | null {
  const named = forwardedFor === undefined ? forwardedBy(forwarded) : forwardedFor.split(",");
  if ("count" in trusted) {
    const last = named.at(-trusted.count) ?? named[0];
    return textOf(readAddress(last ?? peer));
  }
  let current = readAddress(peer);
  for (const word of named.toReversed()) {
    if (current === null || !isIn(trusted.ranges, current)) break;
    current = readAddress(word);
  }
  if (named.length === 0 && current !== null && isIn(trusted.ranges, current)) return null;
  return textOf(current);
}

/** What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber has at least. */
export function networkOf(address: string): string | null {
  const read = readAddress(address);
  if (read === null) return null;
  if (read instanceof ipaddr.IPv4) return read.toString();
  return `${read.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":")}::/64`;
}

/** Reading costs as much as half a decision, and the same few come again and again. */
const known = new LRUCache<string, { address: Address | null }>({ max: 10_000 });
const longestKnown = 64;

function readAddress(text: string | undefined): Address | null {
  if (text === undefined || text.length > longestKnown) return null;
  const found = known.get(text);
  if (found !== undefined) return found.address;
  const address = parseAddress(text);
  known.set(text, { address });
  return address;
}

/** With a port, in brackets, in quotes: as proxies write it. An IPv4 address in IPv6's clothes is the IPv4 address. */
function parseAddress(text: string): Address | null {
  const [, inBrackets, withPort, plain] =
    /^\s*"?(?:\[([^\]]*)\](?::\d+)?|(\d[\d.]*):\d+|([^"\s]*))"?\s*$/.exec(text) ?? [];
  const bare = inBrackets ?? withPort ?? plain ?? "";
  if (!ipaddr.IPv4.isValidFourPartDecimal(bare) && !ipaddr.IPv6.isValid(bare)) return null;
  return ipaddr.process(bare);
}

function textOf(address: Address | null): string | null {
  return address === null ? null : address.toString();
}

function isIn(ranges: readonly Range[], address: Address): boolean {
  return ranges.some((range) => range[0].kind() === address.kind() && address.match(range));
}

function readRange(text: string): Range | null {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  const address = readAddress(text);
  return address === null ? null : [address, address.kind() === "ipv4" ? 32 : 128];
}

/** The addresses of `Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::1]:443"`. */
function forwardedBy(header: string | undefined): string[] {
  if (header === undefined) return [];
  return header.split(",").map((element) => /(?:^|;)\s*for=([^;]*)/i.exec(element)?.[1] ?? "");
}
