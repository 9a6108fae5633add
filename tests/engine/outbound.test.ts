import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchOutbound, type OutboundPolicy } from "../../engine/outbound.ts";
import { isPublicAddress, refusingPrivate } from "../../engine/public-address.ts";
import { createPublicFetch } from "../../engine/public-fetch.ts";

test.each([
  "10.0.0.1",
  "172.16.3.4",
  "192.168.1.1",
  "127.0.0.1",
  "127.9.9.9",
  "0.0.0.0",
  "169.254.169.254",
  "100.64.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "::1",
  "::",
  "fe80::1",
  "fc00::1",
  "fd12:3456::1",
  "ff02::1",
  "::ffff:127.0.0.1",
  "::ffff:10.0.0.1",
  "64:ff9b::a00:1",
  "not an address",
])("%s is not a public address", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])("%s is a public address", (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each([
  "http://127.1/",
  "http://0x7f000001/",
  "http://[::1]/",
  "http://169.254.169.254/",
  "http://[::ffff:10.0.0.1]/",
])("where names are not looked up, %s is refused before anybody is asked", async (url) => {
  let asked = 0;
  const fetch = refusingPrivate(async () => {
    asked += 1;
    return new Response();
  });
  await expect(fetch(url)).rejects.toThrow("is not a public address");
  expect((await fetch("https://example.com/")).status).toBe(200);
  expect(asked).toBe(1);
});

describe("with a server on the loopback interface", () => {
  let server: Server;
  let origin: string;
  const seen: { url: string; method: string; headers: Record<string, unknown> }[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = request.url ?? "";
      seen.push({ url, method: request.method ?? "", headers: request.headers });
      if (url === "/hop") response.writeHead(302, { location: "/plain" }).end();
      else if (url === "/away") response.writeHead(302, { location: "http://elsewhere.test/" }).end();
      else if (url === "/circle") response.writeHead(302, { location: "/circle" }).end();
      else if (url === "/metadata") response.writeHead(302, { location: "http://169.254.169.254/latest" }).end();
      else if (url === "/large") response.end("x".repeat(5000));
      else if (url === "/slow") response.write("…");
      else response.setHeader("X-Kind", "plain").end("hello");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    origin = `http://127.0.0.1:${port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const loopback = createPublicFetch(() => true);
  const policy = (more: Partial<OutboundPolicy> = {}): OutboundPolicy => ({
    origins: [origin],
    responseBytes: 1000,
    timeoutMs: 2000,
    ...more,
  });
  const request = (path: string) => ({ url: origin + path, method: "GET", headers: {}, body: null });

  test("an allowed origin is fetched, headers and body as text", async () => {
    const answer = await fetchOutbound(loopback, request("/plain"), policy());
    expect(answer).toMatchObject({
      status: 200,
      body: "hello",
      url: `${origin}/plain`,
      headers: { "x-kind": "plain" },
    });
  });

  test("an origin that is not allowed is refused before anything is sent", async () => {
    const before = seen.length;
    await expect(fetchOutbound(loopback, request("/plain"), policy({ origins: [] }))).rejects.toThrow(
      "outboundOrigins",
    );
    expect(seen).toHaveLength(before);
  });

  test("a redirect inside the origin is followed, one that leaves the allowed origins is not", async () => {
    expect((await fetchOutbound(loopback, request("/hop"), policy())).url).toBe(`${origin}/plain`);
    await expect(fetchOutbound(loopback, request("/away"), policy())).rejects.toThrow(
      "http://elsewhere.test is not among",
    );
  });

  test("a redirect to the metadata service is refused by the allow-list, and by address where the list allows it", async () => {
    await expect(fetchOutbound(loopback, request("/metadata"), policy())).rejects.toThrow("169.254.169.254");
    const direct = { ...request(""), url: "http://169.254.169.254/latest" };
    const generous = policy({ origins: ["http://169.254.169.254"] });
    await expect(fetchOutbound(createPublicFetch(), direct, generous)).rejects.toThrow("not a public address");
  });

  test("redirects in a circle end", async () => {
    await expect(fetchOutbound(loopback, request("/circle"), policy())).rejects.toThrow("redirects");
  });

  test("a response over its size and one over its time are refused", async () => {
    await expect(fetchOutbound(loopback, request("/large"), policy())).rejects.toThrow("larger than 1000 bytes");
    await expect(fetchOutbound(loopback, request("/slow"), policy({ timeoutMs: 100 }))).rejects.toThrow(/time|abort/i);
  });

  test("a name that resolves to the loopback interface is refused where the connection is made", async () => {
    const { port } = new URL(origin);
    const named = { ...request(""), url: `http://localhost:${port}/plain` };
    const generous = policy({ origins: [`http://localhost:${port}`] });
    const before = seen.length;
    const refused = fetchOutbound(createPublicFetch(), named, generous);
    await expect(refused).rejects.toThrow();
    await expect(refused.catch((error) => String(error.cause ?? error))).resolves.toContain("not a public address");
    expect(seen).toHaveLength(before);
  });

  test("an address in other clothes is still the loopback interface", async () => {
    for (const host of ["2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]) {
      const { port } = new URL(origin);
      const url = new URL(`http://${host}:${port}/plain`);
      const dressed = { ...request(""), url: url.href };
      await expect(fetchOutbound(createPublicFetch(), dressed, policy({ origins: [url.origin] }))).rejects.toThrow(
        "not a public address",
      );
    }
  });

  test("headers that speak for the connection are refused, and credentials do not follow to another origin", async () => {
    const host = { ...request("/plain"), headers: { Host: "internal" } };
    await expect(fetchOutbound(loopback, host, policy())).rejects.toThrow("may not be set");
    const calls: Headers[] = [];
    const twoOrigins: typeof fetch = async (input, init) => {
      calls.push(new Headers(init?.headers));
      const first = String(input).startsWith("https://a.test");
      return first ? new Response(null, { status: 307, headers: { location: "https://b.test/" } }) : new Response("b");
    };
    const authorized = { url: "https://a.test/", method: "GET", headers: { Authorization: "Bearer x" }, body: null };
    await fetchOutbound(twoOrigins, authorized, policy({ origins: ["https://a.test", "https://b.test"] }));
    expect(calls.map((headers) => headers.get("authorization"))).toEqual(["Bearer x", null]);
  });
});
