import { afterEach, expect, test } from "vitest";
import { startServer, temporaryFolder } from "./server-process.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

test("a running server sends webhooks, tries again by itself, and stops cleanly", async () => {
  const folder = await temporaryFolder();
  cleanUps.push(folder.remove);
  const server = await startServer(folder.path);
  cleanUps.push(async () => server.child.exitCode ?? server.end("SIGKILL"));
  const { adminToken, environmentId } = await server.dev();
  const base = `${server.url}/api/v1/manage/environments/${environmentId}/webhook-endpoints`;
  const manage = async (path: string, body?: unknown) => {
    const response = await fetch(`${base}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return JSON.parse(await response.text());
  };
  const { endpoint } = await manage("", { url: "https://127.0.0.1/" });
  const { messageId } = await manage(`/${endpoint.id}/ping`, {});
  // the first attempt at once, the next after five seconds and up to a fifth more, and a second until it is noticed
  for (;;) {
    const { deliveries } = await manage(`/${endpoint.id}/deliveries`);
    expect(deliveries).toMatchObject([{ messageId, status: "pending" }]);
    const words = deliveries[0].attempts.map(({ error }: { error: string }) => error);
    if (words.length === 2) {
      expect(words).toEqual(["private_address", "private_address"]);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await server.end("SIGTERM")).toBe(0);
});
