// Past 250 lines: one sender with its clock, its receivers and its crashes.
import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { createPublicFetch } from "../../engine/public-fetch.ts";
import { createWebhookSender, deliverDue } from "../../engine/webhooks/deliver.ts";
import {
  askWebhooks,
  createReceivingWorlds,
  deliveriesOf,
  makeEndpoint,
  memberCreated,
  type Receiver,
  tellAll,
} from "../fakes/receiver.ts";

const { open, close } = createReceivingWorlds();
afterEach(close);

const idsOf = ({ received }: Receiver) => received.map(({ url, headers }) => `${url} ${headers["webhook-id"]}`);
const members = (count: number) => Array.from({ length: count }, (_, n) => memberCreated(n));

/** Waits for something that other code brings about. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("several servers on one database", () => {
  test("send each message to each endpoint once", async () => {
    const first = await open();
    const others = [
      await open({ file: first.file, stripe: first.stripe }),
      await open({ file: first.file, stripe: first.stripe }),
    ];
    const all = [first, ...others];
    for (const { receiver } of all) {
      receiver.reply = async () => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        return new Response(null, { status: 204 });
      };
    }
    for (const url of ["https://a.test/", "https://b.test/", "https://c.test/"]) await makeEndpoint(first, { url });
    await tellAll(first, members(40));
    const counts = await Promise.all(all.map(({ engine }) => deliverDue(engine)));
    const sent = all.flatMap(({ receiver }) => idsOf(receiver));
    expect(sent).toHaveLength(120);
    expect(new Set(sent).size).toBe(120);
    expect(counts.reduce((sum, count) => sum + count)).toBe(120);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  test("take over after the lease what one of them sent and did not record, under the same id", async () => {
    const first = await open();
    const second = await open({ file: first.file, stripe: first.stripe });
    const { id } = await makeEndpoint(first);
    await tellAll(first, [memberCreated()]);
    // it has arrived, and the server that sent it is not heard of again
    const { promise, resolve } = Promise.withResolvers<Response>();
    first.receiver.reply = () => promise;
    const crashed = deliverDue(first.engine);
    await until(() => first.receiver.received.length === 1);
    second.clock.advance(59_000);
    expect(await deliverDue(second.engine)).toBe(0);
    second.clock.advance(1000);
    expect(await deliverDue(second.engine)).toBe(1);
    expect(idsOf(second.receiver)).toEqual(idsOf(first.receiver));
    // should it come back after all, it takes nothing back
    resolve(new Response(null, { status: 500 }));
    await crashed;
    const [{ status, attempts }] = await deliveriesOf(first, id);
    expect(status).toBe("delivered");
    expect(attempts).toMatchObject([{ status: 500 }, { status: 204 }]);
    second.clock.advance(86_400_000);
    expect(await deliverDue(second.engine)).toBe(0);
  });

  test("leave an attempt to the one that took it over, whatever the late one hears", async () => {
    const first = await open();
    const second = await open({ file: first.file, stripe: first.stripe });
    await makeEndpoint(first);
    await tellAll(first, [memberCreated()]);
    const [late, current] = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()];
    first.receiver.reply = () => late.promise;
    second.receiver.reply = () => current.promise;
    const lateDone = deliverDue(first.engine);
    await until(() => first.receiver.received.length === 1);
    for (const { clock } of [first, second]) clock.advance(60_000);
    const currentDone = deliverDue(second.engine);
    await until(() => second.receiver.received.length === 1);
    late.resolve(new Response(null, { status: 500 }));
    await lateDone;
    first.clock.advance(30_000);
    expect(await deliverDue(first.engine)).toBe(0);
    current.resolve(new Response(null, { status: 204 }));
    await currentDone;
    expect(first.receiver.received).toHaveLength(1);
  });
});

describe("the sender", () => {
  test("sends when the bell rings", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    const sender = createWebhookSender(world.engine);
    await tellAll(world, [memberCreated()]);
    world.engine.webhookBell.ring();
    await until(() => world.receiver.received.length === 1);
    await askWebhooks(world, "POST", `/${id}/ping`);
    await until(() => world.receiver.received.length === 2);
    await sender.close();
    expect((await deliveriesOf(world, id)).map(({ status }: { status: string }) => status)).toEqual([
      "delivered",
      "delivered",
    ]);
  });

  test("sends when it is woken, and however often", async () => {
    const world = await open();
    await makeEndpoint(world);
    const sender = createWebhookSender(world.engine);
    for (let n = 0; n < 50; n++) {
      await tellAll(world, [memberCreated(n)]);
      sender.wake();
      sender.wake();
    }
    await until(() => world.receiver.received.length === 50);
    await sender.close();
    expect(new Set(idsOf(world.receiver)).size).toBe(50);
  });

  test("is closed when what is under way has been recorded, and begins nothing after that", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    const { promise, resolve } = Promise.withResolvers<void>();
    world.receiver.reply = async () => {
      await promise;
      return new Response(null, { status: 204 });
    };
    const sender = createWebhookSender(world.engine);
    await tellAll(world, members(10));
    sender.wake();
    await until(() => world.receiver.received.length === 4);
    let closed = false;
    const closing = sender.close().then(() => {
      closed = true;
    });
    await new Promise((done) => setTimeout(done, 30));
    expect(closed).toBe(false);
    resolve();
    await closing;
    expect(await deliveriesOf(world, id, "?status=delivered")).toHaveLength(4);
    sender.wake();
    world.engine.webhookBell.ring();
    await new Promise((done) => setTimeout(done, 30));
    expect(world.receiver.received).toHaveLength(4);
  });

  test("has few attempts of a slow endpoint under way, and the others do not wait for it", async () => {
    const world = await open();
    await makeEndpoint(world, { url: "https://slow.test/" });
    await makeEndpoint(world, { url: "https://quick.test/" });
    const { promise, resolve } = Promise.withResolvers<void>();
    world.receiver.reply = async ({ url }) => {
      if (url.includes("slow")) await promise;
      return new Response(null, { status: 204 });
    };
    await tellAll(world, members(300));
    const sender = createWebhookSender(world.engine);
    sender.wake();
    const to = (host: string) => idsOf(world.receiver).filter((id) => id.includes(host)).length;
    await until(() => to("quick") === 300);
    expect(to("slow")).toBe(4);
    resolve();
    await until(() => to("slow") === 300);
    await sender.close();
    expect(new Set(idsOf(world.receiver)).size).toBe(600);
  });

  test("sends again what it could not record, under the same id", async () => {
    const world = await open();
    const { id } = await makeEndpoint(world);
    const { storage } = world.engine;
    const write: typeof storage.write = (work) =>
      world.receiver.received.length === 0 ? storage.write(work) : Promise.reject(new Error("the disk is full"));
    await tellAll(world, [memberCreated()]);
    expect(await deliverDue({ ...world.engine, storage: { ...storage, write } })).toBe(1);
    expect(world.faults.splice(0)).toEqual([
      expect.stringMatching(/^webhook msg_\S+ will be tried again: the disk is full$/),
    ]);
    world.clock.advance(60_000);
    expect(await deliverDue(world.engine)).toBe(1);
    const [first, second] = idsOf(world.receiver);
    expect(second).toBe(first);
    expect((await deliveriesOf(world, id))[0].status).toBe("delivered");
  });
});

describe("with the real public fetch", () => {
  test.each([
    "https://127.0.0.1/",
    "https://127.0.0.1:8787/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
  ])("nothing is sent to %s", async (url) => {
    const world = await open({ publicFetch: createPublicFetch() });
    const { id } = await makeEndpoint(world, { url });
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    const [{ status, attempts }] = await deliveriesOf(world, id);
    expect(status).toBe("pending");
    expect(attempts).toMatchObject([{ status: null, error: "private_address", said: "" }]);
  });

  let server: Server | undefined;
  afterEach(() => server?.close());

  /** A world whose fetch goes to a server of this computer, whatever the URL. */
  async function openWithServer(status: number, headers: Record<string, string>) {
    const paths: string[] = [];
    server = createServer((request, response) => {
      paths.push(`${request.method} ${request.url}`);
      response.writeHead(status, headers).end();
    });
    await new Promise<void>((done) => server?.listen(0, "127.0.0.1", done));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const loopback = createPublicFetch({ isAllowed: () => true });
    const world = await open({
      publicFetch: (input, init) =>
        loopback(String(input).replace("https://hooks.test", `http://127.0.0.1:${port}`), init),
    });
    return { world, paths };
  }

  test("a redirect is not followed and does not count as received", async () => {
    const { world, paths } = await openWithServer(307, { location: "/elsewhere" });
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect(paths).toEqual(["POST /in"]);
    const [{ attempts }] = await deliveriesOf(world, id);
    expect(attempts).toMatchObject([{ status: 307, error: "refused" }]);
  });

  test("an answer of 204 counts as received", async () => {
    const { world, paths } = await openWithServer(204, {});
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    expect(paths).toEqual(["POST /in"]);
    expect((await deliveriesOf(world, id))[0].status).toBe("delivered");
  });
});
