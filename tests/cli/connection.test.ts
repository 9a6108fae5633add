import { afterEach, beforeEach, expect, test } from "vitest";
import { createOperator, type Operator } from "./operator.ts";

type Call = { url: string; authorization: string | null };

let calls: Call[];
let answer: () => Response | Promise<Response>;
let operator: Operator;
beforeEach(async () => {
  calls = [];
  answer = () => Response.json({ version: 1, config: {} });
  operator = await createOperator(null, async (input, init) => {
    const request = new Request(input, init);
    calls.push({ url: request.url, authorization: request.headers.get("authorization") });
    return answer();
  });
});
afterEach(() => operator.close());

const dev = { url: "http://127.0.0.1:8787", adminToken: "adm_dev", environmentId: "env_preview", secretKey: "sk" };

test("a development server here is found by itself", async () => {
  await operator.write("data/dev.json", JSON.stringify(dev));
  expect((await operator.scrip("config", "pull")).exitCode).toBe(0);
  expect(calls).toEqual([
    { url: "http://127.0.0.1:8787/api/v1/manage/environments/env_preview/config", authorization: "Bearer adm_dev" },
  ]);
});

test("options come before environment variables, and those before the development server", async () => {
  await operator.write("data/dev.json", JSON.stringify(dev));
  Object.assign(operator.env, {
    SCRIP_URL: "https://a.example/",
    SCRIP_ADMIN_TOKEN: "adm_env",
    SCRIP_ENVIRONMENT: "env_a",
  });
  await operator.scrip("config", "pull", "--url", "https://b.example/base/", "--env", "env_b");
  expect(calls).toEqual([
    { url: "https://b.example/base/api/v1/manage/environments/env_b/config", authorization: "Bearer adm_env" },
  ]);
});

test("the development server's token is not sent to another address", async () => {
  await operator.write("data/dev.json", JSON.stringify(dev));
  const { exitCode, err } = await operator.scrip("config", "pull", "--url", "https://other.example");
  expect(exitCode).toBe(2);
  expect(err).toContain("Missing: an admin token (SCRIP_ADMIN_TOKEN or --token), an environment");
  expect(calls).toEqual([]);
});

test("what is missing is said in one line", async () => {
  const { exitCode, err } = await operator.scrip("config", "pull");
  expect(exitCode).toBe(2);
  expect(err.split("\n")).toEqual([
    "✖ Missing: the server's address (--url or SCRIP_URL), an admin token (SCRIP_ADMIN_TOKEN or --token), an environment (--env or SCRIP_ENVIRONMENT)",
    "  Or start a server here with `npm start`: it is found by itself",
  ]);
});

const connected = ["config", "pull", "--url", "https://a.example", "--token", "adm_secret", "--env", "env_a"];

test.each<[string, () => Response | Promise<Response>, string]>([
  [
    "nobody answers",
    () => Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 1.2.3.4:443") })),
    "✖ No answer from https://a.example: connect ECONNREFUSED 1.2.3.4:443",
  ],
  [
    "it is no Scrip",
    () => new Response("<html>", { status: 404 }),
    "✖ https://a.example answered 404, and not as Scrip does",
  ],
  ["it says something else", () => Response.json({ version: "x" }), "with something that scrip does not understand"],
  [
    "a method's name would lead out of the folder",
    () => Response.json({ version: 1, config: { redemptionMethods: [{ slug: "../../x", workflow: "" }] } }),
    "The server's redemption methods are not what scrip understands",
  ],
  [
    "the token is refused",
    () => Response.json({ message: "Invalid admin token", code: "invalid_admin_token" }, { status: 401 }),
    "Check SCRIP_ADMIN_TOKEN or --token",
  ],
])("a clear message when %s", async (_when, given, message) => {
  answer = given;
  const { exitCode, out, err } = await operator.scrip(...connected);
  expect(exitCode).toBe(2);
  expect(err).toContain(message);
  expect(out + err).not.toContain("adm_secret");
});

test("an address that is none is refused", async () => {
  const { exitCode, err } = await operator.scrip(
    "config",
    "pull",
    "--url",
    "localhost:8787",
    "--token",
    "t",
    "--env",
    "e",
  );
  expect(exitCode).toBe(2);
  expect(err).toContain('"localhost:8787" is not the address of a server');
});

test("an unknown environment is told with those that there are", async () => {
  answer = () =>
    calls.length === 1
      ? Response.json({ message: "No environment env_a", code: "environment_not_found" }, { status: 404 })
      : Response.json({ environments: [{ id: "env_preview" }, { id: "env_live" }] });
  const { err } = await operator.scrip(...connected);
  expect(err).toBe("✖ No environment env_a\n  Name one with --env: the server has env_preview, env_live");
});
