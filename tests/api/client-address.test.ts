import { describe, expect, test } from "vitest";
import { clientAddressOf, networkOf, readTrustedProxies } from "../../api/client-address.ts";
import { readSettings } from "../../api/config.ts";

type Case = {
  when: string;
  trusted: string;
  peer?: string;
  forwardedFor?: string;
  forwarded?: string;
  address: string | null;
};

const cases: Case[] = [
  { when: "nobody is between", trusted: "private", peer: "203.0.113.7", address: "203.0.113.7" },
  { when: "nobody is between, as Node writes it", trusted: "none", peer: "::ffff:203.0.113.7", address: "203.0.113.7" },
  {
    when: "a stranger says to be somebody else",
    trusted: "private",
    peer: "203.0.113.7",
    forwardedFor: "198.51.100.1",
    forwarded: "for=198.51.100.2",
    address: "203.0.113.7",
  },
  {
    when: "no proxy is trusted, not even on this machine",
    trusted: "none",
    peer: "127.0.0.1",
    forwardedFor: "198.51.100.1",
    address: "127.0.0.1",
  },
  {
    when: "a proxy on this machine names the client",
    trusted: "private",
    peer: "::1",
    forwardedFor: "198.51.100.1",
    address: "198.51.100.1",
  },
  {
    when: "the client wrote names before the proxy added its own",
    trusted: "private",
    peer: "10.0.0.2",
    forwardedFor: "192.0.2.1, 192.0.2.2, 198.51.100.1",
    address: "198.51.100.1",
  },
  {
    when: "two proxies of one's own are between",
    trusted: "private",
    peer: "10.0.0.2",
    forwardedFor: "192.0.2.1, 198.51.100.1, 10.0.0.9",
    address: "198.51.100.1",
  },
  {
    when: "a proxy with a public address is between, and listed",
    trusted: "private, 192.0.2.0/24",
    peer: "10.0.0.2",
    forwardedFor: "203.0.113.1, 198.51.100.1, 192.0.2.77",
    address: "198.51.100.1",
  },
  {
    when: "the list names one address",
    trusted: "2001:db8::5",
    peer: "2001:db8::5",
    forwardedFor: "198.51.100.1",
    address: "198.51.100.1",
  },
  {
    when: "the list does not name the peer",
    trusted: "2001:db8::5",
    peer: "127.0.0.1",
    forwardedFor: "198.51.100.1",
    address: "127.0.0.1",
  },
  {
    when: "the client is in the private network too",
    trusted: "private",
    peer: "10.0.0.2",
    forwardedFor: "10.0.0.77",
    address: "10.0.0.77",
  },
  { when: "a trusted proxy names nobody", trusted: "private", peer: "10.0.0.2", address: null },
  {
    when: "a trusted proxy writes nonsense",
    trusted: "private",
    peer: "10.0.0.2",
    forwardedFor: "unknown",
    address: null,
  },
  {
    when: "nonsense stands left of the client",
    trusted: "private",
    peer: "10.0.0.2",
    forwardedFor: "<script>, 198.51.100.1",
    address: "198.51.100.1",
  },
  {
    when: "with a port",
    trusted: "private",
    peer: "10.0.0.2",
    forwardedFor: "198.51.100.1:4711",
    address: "198.51.100.1",
  },
  {
    when: "Forwarded names the client",
    trusted: "private",
    peer: "10.0.0.2",
    forwarded: 'for=192.0.2.1;proto=http, proto=https;For="[2001:db8::1]:4711";by=10.0.0.2',
    address: "2001:db8::1",
  },
  {
    when: "Forwarded hides the client",
    trusted: "private",
    peer: "10.0.0.2",
    forwarded: "for=_hidden",
    address: null,
  },
  {
    when: "one proxy is trusted, wherever it is",
    trusted: "1",
    peer: "192.0.2.9",
    forwardedFor: "192.0.2.1, 198.51.100.1",
    address: "198.51.100.1",
  },
  {
    when: "two are, and a client writes before them",
    trusted: "2",
    peer: "192.0.2.9",
    forwardedFor: "192.0.2.1, 198.51.100.1, 192.0.2.8",
    address: "198.51.100.1",
  },
  {
    when: "two are, and only one was passed",
    trusted: "2",
    peer: "192.0.2.9",
    forwardedFor: "198.51.100.1",
    address: "198.51.100.1",
  },
  { when: "one is, and it was passed by", trusted: "1", peer: "192.0.2.9", address: "192.0.2.9" },
  { when: "the connection is gone", trusted: "private", address: null },
  { when: "a numeral is no address", trusted: "private", peer: "10.0.0.2", forwardedFor: "3232235777", address: null },
];

test.each(cases)("the client is $address when $when (TRUSTED_PROXIES=$trusted)", ({ trusted, address, ...origins }) => {
  const read = readTrustedProxies(trusted);
  if (read === null) throw new Error(`${trusted} cannot be read`);
  const { peer, forwardedFor, forwarded } = origins;
  expect(clientAddressOf(read, { peer, forwardedFor, forwarded })).toBe(address);
});

describe("TRUSTED_PROXIES", () => {
  test.each(["loopback", "0", "-1", "10.0.0.0/33", "10.0.0.0/8;192.0.2.1", "100", "10.0.0.0/8,"])(
    "is refused by name when it is %j",
    (TRUSTED_PROXIES) => {
      const read = readSettings({ TRUSTED_PROXIES });
      expect(read.ok ? [] : read.problems).toEqual([expect.stringMatching(/^TRUSTED_PROXIES must be none, private/)]);
    },
  );

  test("is private when it is not set", () => {
    const read = readSettings({});
    expect(read.ok && read.settings.trustedProxies).toEqual(readTrustedProxies("private"));
  });
});

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"],
  ["2001:db8:1:3::1", "2001:db8:1:3::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["nobody", null],
] as const)("%s is counted as %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test.each(["RATE_LIMIT_KEY", "RATE_LIMIT_ADDRESS", "RATE_LIMIT_FAILURES"])(
  "%s is a whole number, or refused",
  (name) => {
    expect(readSettings({ [name]: "0" }).ok).toBe(true);
    for (const wrong of ["-1", "1.5", "off", "9999999999"]) {
      const read = readSettings({ [name]: wrong });
      expect(read.ok ? [] : read.problems).toEqual([`${name} must be a whole number, 0 for no limit`]);
    }
  },
);
