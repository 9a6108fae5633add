import type { HttpBindings } from "@hono/node-server";
import { clientAddressOf } from "./client-address.ts";
import type { Settings } from "./config.ts";
import { header } from "./header.ts";
import { type ClientAddress, noticesOfNoLimit } from "./rate-limits.ts";

/**
 * Where requests come from, on Node: the other end of the connection, or whom the proxies name that `TRUSTED_PROXIES` says are
 * believed. In production an operator is told, once, what leaves clients without a limit.
 */
export function nodeClientAddress(settings: Settings, notice: (what: string) => void): ClientAddress {
  const { production, trustedProxies } = settings;
  let isTold = !production;
  for (const one of noticesOfNoLimit(settings)) notice(one);
  return (c) => {
    const bindings: Partial<HttpBindings> | undefined = c.env;
    const peer = bindings?.incoming?.socket.remoteAddress;
    const forwardedFor = header(c, "x-forwarded-for");
    const address = clientAddressOf(trustedProxies, { peer, forwardedFor, forwarded: header(c, "forwarded") });
    // an operator at the machine itself has no proxy and no Origin: only a browser's request should have come by one
    if (address === null && !isTold && header(c, "origin") !== undefined) {
      isTold = true;
      notice(
        `requests of pages through ${peer} name no client: until X-Forwarded-For is set there, no address is limited`,
      );
    }
    return address;
  };
}
