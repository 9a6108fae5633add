// Past 250 lines: what a workflow's request may reach, one attack after another.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchOutbound, type OutboundPolicy, type OutboundRequest } from "../../engine/outbound.ts";
import { isPublicAddress, refusingPrivate } from "../../engine/public-address.ts";
import { createPublicFetch, type Resolve } from "../../engine/public-fetch.ts";

test.each([
  ["private", ["10.0.0.1", "172.16.3.4", "172.31.255.255", "192.168.1.1"]],
  ["loopback", ["127.0.0.1", "127.9.9.9", "::1"]],
  ["nobody's", ["0.0.0.0", "0.1.2.3", "::"]],
  ["link-local", ["169.254.0.1", "fe80::1", "fe80::1%eth0"]],
  ["of a cloud's metadata", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"]],
  ["shared by a provider's customers", ["100.64.0.1", "100.127.255.255"]],
  ["multicast or broadcast", ["224.0.0.1", "239.255.255.250", "255.255.255.255", "ff02::1"]],
  ["reserved", ["192.0.0.8", "198.18.0.1", "203.0.113.1", "240.0.0.1", "2001:db8::1", "100::1", "4000::1"]],
  ["local by IPv6", ["fc00::1", "fd12:3456::1", "fec0::1"]],
  [
    "IPv4 in IPv6",
    ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "::127.0.0.1", "::7f00:1", "::10.0.0.1"],
  ],
  ["IPv4 behind NAT64", ["64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"]],
  ["IPv4 behind 6to4 or Teredo", ["2002:7f00:1::", "2002:a00:1::1", "2001::1"]],
  ["of one network card", ["2606:4700::1%eth0"]],
  ["no address", ["not an address", "", "1.1.1.1."]],
])("an address that is %s is not public", (_what, addresses) => {
  expect(addresses.filter(isPublicAddress)).toEqual([]);
});

test.each(["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"])(
  "%s is a public address",
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

const bomb = { gzip: gzipSync(Buffer.alloc(64 << 20)), br: brotliCompressSync(Buffer.alloc(64 << 20)) };
const image = Buffer.from([0xff, 0xd8, 0, 1, 0x80, 0xfe]);

/** What the server of these tests answers, by path. */
const answers: Record<string, (response: ServerResponse, request: IncomingMessage) => unknown> = {
  "/hop": (r) => r.writeHead(302, { location: "/plain" }).end(),
  "/away": (r) => r.writeHead(302, { location: "http://elsewhere.test/" }).end(),
  "/circle": (r) => r.writeHead(302, { location: "/circle" }).end(),
  "/metadata": (r) => r.writeHead(302, { location: "http://169.254.169.254/latest" }).end(),
  "/nonsense": (r) => r.writeHead(302, { location: "http://" }).end(),
  "/large": (r) => r.end("x".repeat(5000)),
  "/gzip": (r) => r.writeHead(200, { "content-encoding": "gzip" }).end(bomb.gzip),
  "/br": (r) => r.writeHead(200, { "content-encoding": "br" }).end(bomb.br),
  "/silent": () => {},
  "/drip": (r) => {
    const drip = setInterval(() => r.write("."), 10);
    r.on("close", () => clearInterval(drip));
  },
  "/image": (r) => r.end(image),
  "/zeros": (r) => r.end(Buffer.alloc(500)),
  "/cookies": (r) => r.writeHead(200, { "set-cookie": ["a=1, 2", "b=3"] }).end(),
  "/broken": (r) => {
    r.writeHead(200, { "content-length": "100" });
    r.write("half");
    r.on("drain", () => {}).socket?.destroy();
  },
  "/echo": (r, request) => request.pipe(r),
};

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
  let port: number;
  const seen: string[] = [];
  const closed: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = request.url ?? "";
      seen.push(url);
      response.on("close", () => closed.push(url));
      const answer = answers[url];
      if (answer === undefined) response.setHeader("X-Kind", "plain").end("hello");
      else answer(response, request);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
    origin = `http://127.0.0.1:${port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const loopback = createPublicFetch({ isAllowed: () => true });
  const policy = (more: Partial<OutboundPolicy> = {}): OutboundPolicy => ({
    origins: [origin],
    responseBytes: 1000,
    timeoutMs: 5000,
    ...more,
  });
  const request = (path: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
    url: origin + path,
    method: "GET",
    headers: {},
    body: null,
    ...more,
  });
  const get = (path: string, more: Partial<OutboundPolicy> = {}) =>
    fetchOutbound(loopback, request(path), policy(more));

  test("an allowed origin is fetched, headers and body as text", async () => {
    expect(await get("/plain")).toMatchObject({
      status: 200,
      body: "hello",
      url: `${origin}/plain`,
      redirected: false,
      headers: { "x-kind": "plain" },
    });
  });

  test("bytes come and go as base64, where they are no text or would be longer as text", async () => {
    expect(await get("/image")).toMatchObject({ bodyBase64: image.toString("base64") });
    expect(await get("/zeros")).toMatchObject({ bodyBase64: Buffer.alloc(500).toString("base64") });
    const bodyBase64 = image.toString("base64");
    const sent = fetchOutbound(loopback, request("/echo", { method: "POST", bodyBase64 }), policy());
    expect(await sent).toMatchObject({ bodyBase64 });
  });

  test("each cookie stands for itself", async () => {
    expect((await get("/cookies")).headers["set-cookie"]).toEqual(["a=1, 2", "b=3"]);
  });

  test("an origin that is not allowed is refused before anything is sent", async () => {
    const before = seen.length;
    await expect(get("/plain", { origins: [] })).rejects.toThrow("outboundOrigins");
    expect(seen).toHaveLength(before);
  });

  describe("a redirect", () => {
    test("inside the origin is followed, one that leaves the allowed origins is not", async () => {
      expect(await get("/hop")).toMatchObject({ url: `${origin}/plain`, redirected: true });
      await expect(get("/away")).rejects.toThrow("http://elsewhere.test is not among");
    });

    test("is an answer or an error where the request says so", async () => {
      const manual = await fetchOutbound(loopback, request("/hop", { redirect: "manual" }), policy());
      expect(manual).toMatchObject({ status: 302, headers: { location: "/plain" }, redirected: false });
      const error = fetchOutbound(loopback, request("/hop", { redirect: "error" }), policy());
      await expect(error).rejects.toThrow("which the request forbids");
    });

    test("to the metadata service is refused by the allow-list, and by address where the list allows it", async () => {
      await expect(get("/metadata")).rejects.toThrow("169.254.169.254 is not among");
      const generous = policy({ origins: ["http://169.254.169.254"] });
      const direct = { ...request(""), url: "http://169.254.169.254/latest" };
      await expect(fetchOutbound(createPublicFetch(), direct, generous)).rejects.toThrow("not a public address");
    });

    test("in a circle, or to nowhere, ends", async () => {
      await expect(get("/circle")).rejects.toThrow("more than 5 redirects");
      await expect(get("/nonsense")).rejects.toThrow("redirects to what is no address");
    });
  });

  describe("an answer that is too much ends:", () => {
    test("large as it comes", async () => {
      await expect(get("/large")).rejects.toThrow("larger than 1000 bytes");
    });

    test.each(["/gzip", "/br"])("large when it is unpacked (%s)", async (path) => {
      const before = process.memoryUsage.rss();
      await expect(get(path, { responseBytes: 1 << 20 })).rejects.toThrow("larger than 1048576 bytes");
      expect(process.memoryUsage.rss() - before).toBeLessThan(40 << 20);
    });

    test.each(["/silent", "/drip"])("slow (%s), and the connection is closed", async (path) => {
      await expect(get(path, { timeoutMs: 150, responseBytes: 1 << 20 })).rejects.toThrow("longer than 150 ms");
      await expect.poll(() => closed).toContain(path);
    });
  });

  test("what the network says is not told: it names addresses of the host's", async () => {
    const { port: free } = new URL(origin);
    const other = `http://127.0.0.1:${Number(free) === 1 ? 2 : 1}`;
    const refused = fetchOutbound(loopback, { ...request(""), url: `${other}/` }, policy({ origins: [other] }));
    await expect(refused).rejects.toThrow(/^the host cannot be reached, or broke off$/);
    await expect(get("/broken")).rejects.toThrow(/^the host cannot be reached, or broke off$/);
  });

  describe("a name", () => {
    /** Names whose addresses change with every question. */
    function resolving(answers: Record<string, string[][]>) {
      const asked: string[] = [];
      const resolve: Resolve = (hostname, _options, callback) => {
        asked.push(hostname);
        const addresses = answers[hostname]?.shift() ?? [];
        callback(
          null,
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        );
      };
      const isAllowed = (address: string) => address === "127.0.0.1" || isPublicAddress(address);
      return { asked, publicFetch: createPublicFetch({ isAllowed, resolve }) };
    }
    const at = (host: string, path = "/plain") => ({ ...request(""), url: `http://${host}:${port}${path}` });
    const generous = (...hosts: string[]) => policy({ origins: hosts.map((host) => `http://${host}:${port}`) });

    test("that means the loopback interface is refused where the connection is made", async () => {
      const before = seen.length;
      const refused = fetchOutbound(createPublicFetch(), at("localhost"), generous("localhost"));
      await expect(refused).rejects.toThrow("localhost is not a public address");
      expect(seen).toHaveLength(before);
    });

    test("is asked once, and connected to what was checked", async () => {
      const { asked, publicFetch } = resolving({ "rebind.test": [["127.0.0.1"], ["127.0.0.2"]] });
      const answer = await fetchOutbound(publicFetch, at("rebind.test"), generous("rebind.test"));
      expect([answer.status, asked]).toEqual([200, ["rebind.test"]]);
    });

    test("that changes its mind is refused the next time it is asked", async () => {
      const { asked, publicFetch } = resolving({ "rebind.test": [["127.0.0.1"], ["10.0.0.1"]] });
      await expect(fetchOutbound(publicFetch, at("rebind.test", "/broken"), generous("rebind.test"))).rejects.toThrow(
        "broke off",
      );
      const before = seen.length;
      const again = fetchOutbound(publicFetch, at("rebind.test"), generous("rebind.test"));
      await expect(again).rejects.toThrow("rebind.test is not a public address");
      expect([seen.length, asked.length]).toEqual([before, 2]);
    });

    test.each([
      ["127.0.0.1", "10.0.0.1"],
      ["10.0.0.1", "127.0.0.1"],
      ["127.0.0.1", "::ffff:169.254.169.254"],
      ["127.0.0.1", "fd00::1"],
    ])("with one address that is not public has none: %s, %s", async (...addresses) => {
      const { publicFetch } = resolving({ "mixed.test": [addresses] });
      const refused = fetchOutbound(publicFetch, at("mixed.test"), generous("mixed.test"));
      await expect(refused).rejects.toThrow("mixed.test is not a public address");
    });

    test("is checked at every redirect, also among allowed origins", async () => {
      const { asked, publicFetch } = resolving({ "first.test": [["127.0.0.1"]], "second.test": [["192.168.0.1"]] });
      answers["/to-second"] = (r) => r.writeHead(307, { location: `http://second.test:${port}/plain` }).end();
      const both = generous("first.test", "second.test");
      await expect(fetchOutbound(publicFetch, at("first.test", "/to-second"), both)).rejects.toThrow(
        "second.test is not a public address",
      );
      expect(asked).toEqual(["first.test", "second.test"]);
    });
  });

  test.each([
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.01",
    "127.1",
    "127.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::1]",
    "0",
  ])("the loopback interface is refused in other clothes: %s", async (host) => {
    const url = new URL(`http://${host}:${port}/plain`);
    const before = seen.length;
    const dressed = fetchOutbound(
      createPublicFetch(),
      { ...request(""), url: url.href },
      policy({ origins: [url.origin] }),
    );
    await expect(dressed).rejects.toThrow("not a public address");
    expect(seen).toHaveLength(before);
  });

  test("headers that speak for the connection are refused", async () => {
    for (const name of ["Host", "Connection", "Content-Length", "Transfer-Encoding", "Proxy-Authorization"]) {
      const refused = fetchOutbound(loopback, request("/plain", { headers: { [name]: "x" } }), policy());
      await expect(refused).rejects.toThrow(`header ${name} may not be set`);
    }
  });
});

describe("from one origin to the next", () => {
  const policy = {
    origins: ["https://a.test", "https://b.test", "http://a.test"],
    responseBytes: 1000,
    timeoutMs: 2000,
  };
  /** Answers the first request by a redirect and keeps what it was asked. */
  function redirecting(location: string, status = 307) {
    const calls: { url: string; method: string; headers: Record<string, string>; body: unknown }[] = [];
    const publicFetch: typeof fetch = async (input, init) => {
      const headers = Object.fromEntries(new Headers(init?.headers));
      calls.push({ url: String(input), method: init?.method ?? "", headers, body: init?.body });
      return calls.length === 1 ? new Response(null, { status, headers: { location } }) : new Response("done");
    };
    return { calls, publicFetch };
  }
  const headers = {
    Authorization: "Bearer x",
    Cookie: "a=b",
    "X-Api-Key": "k",
    Accept: "text/html",
    "Content-Type": "text/plain",
  };
  const post = { url: "https://a.test/", method: "POST", headers, body: "hi" };

  test("no key goes along, by whatever name", async () => {
    const { calls, publicFetch } = redirecting("https://b.test/");
    await fetchOutbound(publicFetch, post, policy);
    const left = { accept: "text/html", "content-type": "text/plain", "user-agent": "scrip-workflow" };
    expect(calls[1]).toMatchObject({ url: "https://b.test/", method: "POST", body: "hi" });
    expect(calls[1]?.headers).toEqual(left);
  });

  test("all of them stay at home", async () => {
    const { calls, publicFetch } = redirecting("/other", 308);
    await fetchOutbound(publicFetch, post, policy);
    expect(calls[1]).toMatchObject({ url: "https://a.test/other", body: "hi" });
    expect(calls[1]?.headers).toEqual(calls[0]?.headers);
  });

  test("a POST becomes a GET where it is to be seen at another place", async () => {
    const { calls, publicFetch } = redirecting("/seen", 303);
    await fetchOutbound(publicFetch, post, policy);
    expect(calls[1]).toMatchObject({ method: "GET", body: null });
    expect(calls[1]?.headers).not.toHaveProperty("content-type");
  });

  test.each(["http://a.test/", "ftp://a.test/", "data:text/plain,x", "file:///etc/passwd"])(
    "nothing goes from https to %s",
    async (location) => {
      const { calls, publicFetch } = redirecting(location);
      await expect(fetchOutbound(publicFetch, post, policy)).rejects.toThrow("redirects from https to");
      expect(calls).toHaveLength(1);
    },
  );

  test("no credentials in an address", async () => {
    const { publicFetch } = redirecting("https://user:secret@b.test/");
    await expect(fetchOutbound(publicFetch, post, policy)).rejects.toThrow("must not contain credentials");
  });
});
