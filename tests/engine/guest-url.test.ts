import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Sandbox } from "../../engine/sandbox.ts";
import { moduleOf, recordingHost, runSource } from "../contracts/sandbox.ts";

const parts = "href origin protocol username password host hostname port pathname search hash".split(" ");

/** Texts, some with a base: what is special in each is plain to see, and the platform knows the answer. */
const addresses: string[][] = [
  ["https://example.com"],
  ["HTTPS://EXAMPLE.com:443/../a/./b/%2e%2E/c?d=e#f"],
  ["http://user:p%40ss w@example.com:8080/a b?c d#e f"],
  ["http://example.com:80"],
  ["http://example.com:65536"],
  ["http://example.com:8a"],
  ["//other.example/x", "https://example.com/a/b"],
  ["/x?y", "https://example.com/a/b?c#d"],
  ["../x", "https://example.com/a/b/c/"],
  ["?q", "https://example.com/a/b?c#d"],
  ["#h", "https://example.com/a/b?c#d"],
  ["", "https://example.com/a/b?c#d"],
  ["x", "mailto:a@example.com"],
  ["relative"],
  ["https:example.com", "https://other.example/a/"],
  ["https:\\\\example.com\\a\\b"],
  ["  \thttps://exa\nmple.com/\t "],
  ["mailto:someone@example.com?subject=a b"],
  ["data:text/plain,hello world#x"],
  ["javascript:alert(1)"],
  ["file:///C|/a/../b"],
  ["file://host/share/file"],
  ["blob:https://example.com/uuid"],
  ["urn:isbn:0451450523"],
  ["web+app://host/a/../b"],
  ["http://192.168.0.257"],
  ["http://0x7f.1"],
  ["http://017700000001/"],
  ["http://1.2.3.4.5"],
  ["http://256"],
  ["http://[2001:DB8:0:0:0:0:0:1]:80/"],
  ["http://[::ffff:192.168.0.1]/"],
  ["http://[::1%25eth0]/"],
  ["http://[1::2::3]/"],
  ["http://[::1"],
  ["https://münchen.example/straße?ä=ö#ü"],
  ["https://faß.example"],
  ["https://xn--mnchen-3ya.example/"],
  ["https://例え.テスト/"],
  ["https://☕.example"],
  ["https://Ａ.example。com"],
  ["https://a\u00adb.example"],
  ["https://xn--a.example"],
  ["https://א1ב.example"],
  ["https://אa.example"],
  ["https://a..b"],
  ["https://exa mple.com"],
  ["https://exa%mple.com"],
  ["https://ex%61mple.com"],
  ["https://exa<mple.com"],
  ["https://"],
  ["https:///example.com"],
  ["https://@example.com"],
  ["https://a:b@c:d@example.com/"],
  ['https://example.com/%zz%41\ud800?\ud800&\'"<>`#`"'],
  ["https://example.com/a;b=c,d|e^f{g}h[i]"],
  ["ws://example.com:80/"],
  ["wss://example.com:443/"],
  ["ftp://example.com:21/%2F"],
  ["non-special:opaque path ?q"],
  ["https://example.com/\u0000"],
];

const settings: string[][] = [
  ["https://example.com/a", "protocol", "http"],
  ["https://example.com/a", "protocol", "mailto"],
  ["https://example.com:8080/a", "host", "other.example:81"],
  ["https://example.com/a", "hostname", "münchen.example"],
  ["https://example.com/a", "hostname", "a/b"],
  ["https://example.com/a", "port", "99999"],
  ["https://example.com/a", "port", "8080x"],
  ["https://example.com/a", "pathname", "b c/../d"],
  ["https://example.com/a", "search", "x=1 2"],
  ["https://example.com/a", "search", ""],
  ["https://example.com/a", "hash", "a b"],
  ["https://example.com/a", "username", "ü:@"],
  ["https://example.com/a", "password", "p/w"],
  ["mailto:a@example.com", "host", "x"],
  ["https://example.com/a", "href", "http://else.example"],
  ["https://example.com/a", "href", "nonsense"],
];

const queries = ["a=1&b=2&a=3", "?a=%20+b&c", "&&=&=x&y=", "%ff=%C3%A4&ä=😀", "a=b=c&%3D=%26", "\ufeffa=1"];

/** What the guest and the platform are both asked. */
const questions = `export default ({ addresses, settings, queries, parts }) => {
  const told = (url) => parts.map((part) => url[part]);
  const parsed = addresses.map(([text, base]) => {
    try {
      const url = new URL(text, base);
      return [told(url), URL.canParse(text, base), URL.parse(text, base).href, JSON.stringify(url), [...url.searchParams]];
    } catch (error) {
      return [error.name, URL.canParse(text, base), URL.parse(text, base)];
    }
  });
  const set = settings.map(([address, part, value]) => {
    const url = new URL(address);
    try { url[part] = value } catch (error) { return error.name }
    return told(url);
  });
  const searched = queries.map((query) => {
    const params = new URLSearchParams(query);
    const seen = [[...params], params.size, params.get("a"), params.get("-"), params.getAll("a"), params.has("a", "1"), "" + params];
    params.append("z", "ä ~*'()");
    params.set("a", "new");
    params.delete("c");
    params.sort();
    params.forEach((value, name) => seen.push([value, name]));
    return [...seen, "" + params, [...params.keys()], [...params.values()]];
  });
  const live = new URL("https://example.com/?a=1");
  live.searchParams.append("b", "2 3");
  const linked = live.href;
  live.search = "?c=4";
  const made = [new URLSearchParams({ a: "1", b: "x y" }), new URLSearchParams([["a", "1"]]), new URLSearchParams(new Map([["m", 1]]))];
  const refused = [() => URL("https://a.example"), () => new URL(), () => new URLSearchParams([["a"]]), () => URL.prototype.href]
    .map((attempt) => { try { attempt(); return "done" } catch (error) { return error.name } });
  return { parsed, set, searched, linked, left: [...live.searchParams], made: made.map(String), refused,
    tags: [live, live.searchParams, live.searchParams.keys()].map((value) => Object.prototype.toString.call(value)),
    names: [URL.name, URLSearchParams.name, live.constructor === URL, live.searchParams instanceof URLSearchParams] };
};`;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = createProcessPool({ processes: 1 });
  await vi.waitUntil(() => sandbox.ready(), { timeout: 20_000 });
});
afterAll(() => sandbox.close());

async function answers() {
  const input = { addresses, settings, queries, parts };
  const { script } = await moduleOf(questions);
  const platform: unknown = runInNewContext(`${script};(input) => JSON.stringify(__workflow(JSON.parse(input)))`, {
    URL,
    URLSearchParams,
  });
  if (typeof platform !== "function") throw new Error("no workflow");
  const budgets = { cpuMs: 5000, resultBytes: 1 << 20 };
  const { outcome } = await runSource(sandbox, questions, { input, budgets });
  return { ours: outcome, theirs: { kind: "returned", value: JSON.parse(platform(JSON.stringify(input))) } };
}

test("the guest's URL and URLSearchParams answer as the platform's do", async () => {
  const { ours, theirs } = await answers();
  expect(ours).toEqual(theirs);
});

describe("a form's body", () => {
  test("made of URLSearchParams is sent as a form", async () => {
    const { calls, handler } = recordingHost(() => ({ ok: false, error: { name: "Error", message: "enough" } }));
    const source = `export default async () => {
      const body = new URLSearchParams({ a: "1 2", b: "ü" });
      await fetch(new URL("/form", "https://api.example"), { method: "POST", body });
    };`;
    await runSource(sandbox, source, { host: handler });
    const headers = { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" };
    const request = { url: "https://api.example/form", method: "POST", headers, body: "a=1+2&b=%C3%BC" };
    expect(calls).toMatchObject([{ name: "fetch", args: request }]);
  });
});
