import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { afterEach, describe, expect, test } from "vitest";
import { backoffMs } from "../../engine/webhooks/backoff.ts";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import type { WebhookMessage } from "../../engine/webhooks/outbox.ts";
import { attemptErrors } from "../../engine/webhooks/send.ts";
import { WebhookPayload, webhookTypes } from "../../schemas/webhooks.ts";
import { askWebhooks, deliveriesOf, makeEndpoint, tellAll } from "../fakes/receiver.ts";
import { createWorld } from "../fakes/world.ts";
import { markedBlock, markedBlocks, markedTable, plain, readDocument, root } from "./marked-blocks.ts";

const page = readDocument("docs/webhooks.md");

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** The payload that the page gives as an example of a type, as it is told. */
function example(type: string): WebhookMessage {
  return v.parse(WebhookPayload, JSON.parse(markedBlock(page, `payload ${type}`)));
}

describe("the receiver of the page", () => {
  test("takes real deliveries, handles each once, and refuses what is not signed", async () => {
    const receiver = await startReceiver();
    const world = await createWorld({ publicFetch: receiver.fetch });
    cleanUps.push(() => world.close());
    world.clock.set(Date.now());
    const { id, secret } = await makeEndpoint(world);
    await receiver.begin(secret);
    await tellAll(world, [example("entitlement.granted")]);
    await deliverDue(world.engine);
    const [{ messageId }] = await deliveriesOf(world, id);
    await askWebhooks(world, "POST", `/${id}/deliveries/${messageId}/retry`);
    await deliverDue(world.engine);
    await askWebhooks(world, "POST", `/${id}/ping`);
    await deliverDue(world.engine);
    const statuses = (await deliveriesOf(world, id)).map(({ attempts }: { attempts: { status: number }[] }) =>
      attempts.map(({ status }) => status),
    );
    expect(statuses).toEqual([[204], [204, 204]]);
    const unsigned = await receiver.fetch("https://hooks.test/in", { method: "POST", body: "{}" });
    expect(unsigned.status).toBe(400);
    expect(await receiver.output()).toBe("entitlement.granted for buyer@example.com\nping for undefined\n");
  });

  test("takes what is signed while its secret is being rotated", async () => {
    const receiver = await startReceiver();
    const world = await createWorld({ publicFetch: receiver.fetch });
    cleanUps.push(() => world.close());
    world.clock.set(Date.now());
    const { id, secret } = await makeEndpoint(world);
    await receiver.begin(secret);
    await askWebhooks(world, "POST", `/${id}/rotate-secret`);
    await tellAll(world, [example("member.created")]);
    await deliverDue(world.engine);
    expect((await deliveriesOf(world, id))[0].status).toBe("delivered");
  });
});

/** The page's code as a process of its own, and a fetch that leads to it whatever the URL. */
async function startReceiver() {
  const folder = await mkdtemp(join(tmpdir(), "scrip-receiver-"));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "receiver.mjs"), markedBlock(page, "receiver"));
  const port = await freePort();
  let child: ChildProcess | undefined;
  let output = "";
  const fetchThere: typeof fetch = (input, init) =>
    fetch(String(input).replace("https://hooks.test", `http://127.0.0.1:${port}`), init);
  return {
    fetch: fetchThere,
    async begin(secret: string) {
      const env = { PATH: process.env.PATH ?? "", WEBHOOK_SECRET: secret, PORT: String(port) };
      child = spawn(process.execPath, ["receiver.mjs"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
      cleanUps.push(() => child?.kill("SIGKILL"));
      child.stdout?.on("data", (chunk) => {
        output += chunk;
      });
      const probe = () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        );
      while (!(await probe())) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async output() {
      if (child === undefined) return "";
      const closed = once(child, "close");
      child.kill("SIGTERM");
      await closed;
      return output;
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("the request of the page makes the endpoint of the page", async () => {
  const world = await createWorld();
  cleanUps.push(() => world.close());
  const [, body = ""] = /--data '(.*)'/.exec(markedBlock(page, "create")) ?? [];
  const answer = await askWebhooks(world, "POST", "", JSON.parse(body));
  expect(answer.status).toBe(200);
  const written = JSON.parse(markedBlock(page, "created"));
  const changing = { id: expect.any(String), createdAt: expect.any(String) };
  expect(answer.body).toEqual({
    ...written,
    endpoint: { ...written.endpoint, ...changing },
    secret: expect.stringMatching(/^whsec_/),
  });
});

describe("the page", () => {
  test("names every type, in the order of the closed list", () => {
    const written = markedTable(page, "types").slice(1);
    expect(written.map(([type]) => plain(type))).toEqual(webhookTypes);
  });

  test("has an example of every type", () => {
    const marks = markedBlocks(page).filter(({ mark }) => mark.startsWith("payload "));
    expect(marks.map(({ mark }) => mark.slice("payload ".length))).toEqual(webhookTypes);
    for (const type of webhookTypes) expect(example(type).type).toBe(type);
  });

  test("has the pauses between attempts", () => {
    const written = markedTable(page, "backoff").slice(1);
    const units: Record<string, number> = { s: 1000, min: 60_000, h: 3_600_000 };
    const pauses = written.slice(0, -1).map(([, pause = ""]) => {
      const [count, unit = ""] = pause.split(" ");
      return Number(count) * (units[unit] ?? Number.NaN);
    });
    expect(pauses).toEqual(backoffMs);
    expect(written.map(([attempt]) => attempt)).toEqual(written.map((_, n) => String(n + 1)));
  });

  test("names every error of an attempt", () => {
    const written = markedTable(page, "attempt errors").slice(1);
    expect(written.map(([word]) => plain(word))).toEqual(attemptErrors);
  });
});
