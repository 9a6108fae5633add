import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { deliverDue } from "../../engine/webhooks/deliver.ts";
import {
  askWebhooks,
  createReceiver,
  deliveriesOf,
  makeEndpoint,
  memberCreated,
  type Receiver,
  tellAll,
} from "../fakes/receiver.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { expectRefusal } from "./answers.ts";

let world: World;
let receiver: Receiver;
beforeAll(async () => {
  receiver = createReceiver();
  world = await createWorld({ publicFetch: receiver.fetch });
});
afterEach(async () => {
  for (const { id } of (await askWebhooks(world, "GET")).body.endpoints) await askWebhooks(world, "DELETE", `/${id}`);
  receiver.received.length = 0;
  receiver.reply = () => new Response(null, { status: 204 });
  expect(world.faults.splice(0)).toEqual([]);
});
afterAll(() => world.close());

describe("the deliveries", () => {
  test("are listed newest first with their payload and attempts", async () => {
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated(1)]);
    await deliverDue(world.engine);
    receiver.reply = () => new Response("no", { status: 500, headers: { "retry-after": "60" } });
    world.clock.advance(1000);
    await tellAll(world, [memberCreated(2)]);
    await deliverDue(world.engine);
    const [newest, oldest] = await deliveriesOf(world, id);
    const now = new Date(world.clock.now()).toISOString();
    expect(newest).toEqual({
      messageId: expect.stringMatching(/^msg_/),
      status: "pending",
      nextAttemptAt: new Date(world.clock.now() + 60_000).toISOString(),
      deliveredAt: null,
      payload: { type: "member.created", timestamp: now, data: memberCreated(2).data },
      attempts: [{ createdAt: now, status: 500, error: "refused", said: "no", durationMs: expect.any(Number) }],
    });
    expect(oldest).toMatchObject({
      status: "delivered",
      nextAttemptAt: null,
      deliveredAt: expect.stringMatching(/Z$/),
    });
  });

  test("come page by page, each once, whatever is told and sent in between", async () => {
    const { id } = await makeEndpoint(world);
    await makeEndpoint(world, { url: "https://other.test/" });
    for (let n = 0; n < 23; n++) {
      receiver.reply = () => new Response(null, { status: n % 3 === 0 ? 500 : 204 });
      await tellAll(world, [memberCreated(n)]);
      if (n % 4 !== 0) await deliverDue(world.engine);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "?limit=5" : `?limit=5&cursor=${cursor}`;
      const { body } = await askWebhooks(world, "GET", `/${id}/deliveries${query}`);
      seen.push(
        ...body.deliveries.map((one: { payload: { data: { member: { id: string } } } }) => one.payload.data.member.id),
      );
      cursor = body.nextCursor;
      await tellAll(world, [memberCreated(100)]);
      await deliverDue(world.engine);
    } while (cursor !== null);
    expect(seen).toEqual(Array.from({ length: 23 }, (_, n) => `mem_${22 - n}`));
  });

  test("are filtered by their status", async () => {
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated(1)]);
    await deliverDue(world.engine);
    await tellAll(world, [memberCreated(2)]);
    const idsWith = async (status: string) =>
      (await deliveriesOf(world, id, `?status=${status}`)).map(
        (one: { payload: { data: { member: { id: string } } } }) => one.payload.data.member.id,
      );
    expect(await idsWith("delivered")).toEqual(["mem_1"]);
    expect(await idsWith("pending")).toEqual(["mem_2"]);
    expect(await idsWith("failed")).toEqual([]);
  });

  test.each(["?limit=0", "?limit=101", "?limit=ten", "?status=lost", `?cursor=${"x".repeat(101)}`])(
    "refuse the query %s",
    async (query) => {
      const { id } = await makeEndpoint(world);
      expectRefusal(await askWebhooks(world, "GET", `/${id}/deliveries${query}`), {
        status: 400,
        code: "invalid_body",
      });
    },
  );

  test("refuse a cursor that is no message to this endpoint", async () => {
    const { id } = await makeEndpoint(world);
    const other = await makeEndpoint(world, { types: ["ping"] });
    const { messageId } = (await askWebhooks(world, "POST", `/${other.id}/ping`)).body;
    for (const cursor of [messageId, "msg_unknown"]) {
      const answer = await askWebhooks(world, "GET", `/${id}/deliveries?cursor=${cursor}`);
      expectRefusal(answer, { status: 404, code: "webhook_message_not_found" });
    }
  });
});

describe("sending again", () => {
  test("sends a message under the same id, also one that had arrived, and with all its attempts", async () => {
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated()]);
    await deliverDue(world.engine);
    const [{ messageId }] = await deliveriesOf(world, id);
    receiver.reply = () => new Response(null, { status: 500 });
    const again = await askWebhooks(world, "POST", `/${id}/deliveries/${messageId}/retry`);
    expect(again.body).toEqual({ status: "success" });
    expect(await deliverDue(world.engine)).toBe(1);
    world.clock.advance(6000);
    expect(await deliverDue(world.engine)).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([messageId]));
    const [delivery] = await deliveriesOf(world, id);
    expect(delivery).toMatchObject({ status: "pending", deliveredAt: null });
    expect(delivery.attempts.map(({ status }: { status: number }) => status)).toEqual([204, 500, 500]);
  });

  test("is refused for a message that was not sent to this endpoint", async () => {
    const { id } = await makeEndpoint(world);
    const answer = await askWebhooks(world, "POST", `/${id}/deliveries/msg_unknown/retry`);
    expectRefusal(answer, { status: 404, code: "webhook_message_not_found" });
  });

  test("leaves alone what is being sent at this moment", async () => {
    const { id } = await makeEndpoint(world);
    await tellAll(world, [memberCreated()]);
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { promise: sent, resolve: isSent } = Promise.withResolvers<void>();
    receiver.reply = () => {
      isSent();
      return promise;
    };
    const first = deliverDue(world.engine);
    await sent;
    const [{ messageId }] = await deliveriesOf(world, id);
    await askWebhooks(world, "POST", `/${id}/deliveries/${messageId}/retry`);
    expect(await deliverDue(world.engine)).toBe(0);
    resolve(new Response(null, { status: 204 }));
    await first;
    expect(receiver.received).toHaveLength(1);
    expect((await deliveriesOf(world, id))[0].status).toBe("delivered");
  });
});
