import { afterEach, expect, test } from "vitest";
import { openDemoStage } from "./demo-stage.ts";
import { startServer, temporaryFolder } from "./server-process.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Loops inside one of V8's own functions, where only the end of its process stops it. */
const stuck = "export default () => Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);";

test("a method that begins to rest is told in the log, once, and in the metrics", async () => {
  const { server, decide, redeem, close } = await openDemoStage(stuck, { cpuMs: 100 });
  cleanUps.push(close);
  const statuses: number[] = [];
  for (let i = 0; i < 7; i += 1) {
    await decide();
    statuses.push((await redeem()).status);
  }
  expect(statuses).toEqual([531, 531, 531, 531, 531, 503, 503]);
  const lines = server
    .output()
    .split("\n")
    .filter((line) => line.includes("rests"));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 40,
      purpose: "redeem",
      environmentId: "env_preview",
      methodSlug: "stripe-checkout",
      kills: 5,
      restMs: 30_000,
    },
  ]);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(
    /^scrip_sandbox_rest_seconds\{purpose="redeem",environment="env_preview",method="stripe-checkout"\} \d/m,
  );
  expect(metrics).toContain('scrip_redemptions_total{environment="env_preview",outcome="sandbox_busy"} 2');
  expect(metrics).toContain('route="/api/v1/offer-redemptions",status="5xx"');
});

test.each([
  ["nobody without METRICS_TOKEN", {}, [404, 404]],
  ["whoever has METRICS_TOKEN", { METRICS_TOKEN: "t".repeat(40) }, [401, 200]],
] as const)("in production /metrics is for %s", async (_who, env, expected) => {
  const { path, remove } = await temporaryFolder();
  cleanUps.push(remove);
  const server = await startServer(path, {
    NODE_ENV: "production",
    SCRIP_MASTER_KEY: "m".repeat(40),
    SCRIP_ADMIN_TOKEN: "a".repeat(40),
    PUBLIC_URL: "https://offers.example.com",
    ...env,
  });
  cleanUps.push(() => server.end("SIGTERM"));
  const open = await fetch(`${server.url}/metrics`);
  const held = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${"t".repeat(40)}` } });
  expect([open.status, held.status]).toEqual(expected);
});
