import { Webhook } from "standardwebhooks";
import { tell, type WebhookMessage } from "../../engine/webhooks/outbox.ts";
import { ask } from "./requests.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

/** A webhook as it came in. */
export type Received = { url: string; headers: Record<string, string>; body: string };

/** How a receiver answers. */
export type Reply = (received: Received, signal: AbortSignal | null) => Response | Promise<Response>;

/** A server of webhooks that is no server: a world's `publicFetch`, and what was sent to it. */
export type Receiver = { fetch: typeof fetch; received: Received[]; reply: Reply };

/** Makes a receiver. It answers 204 until `reply` is set to something else. */
export function createReceiver(): Receiver {
  const receiver: Receiver = {
    received: [],
    reply: () => new Response(null, { status: 204 }),
    async fetch(input, init) {
      const headers = Object.fromEntries(new Headers(init?.headers));
      const one = { url: String(input instanceof Request ? input.url : input), headers, body: String(init?.body) };
      receiver.received.push(one);
      return receiver.reply(one, init?.signal ?? null);
    },
  };
  return receiver;
}

/** A world whose webhooks go to a receiver. */
export type ReceivingWorld = World & { receiver: Receiver };

/** Makes worlds with receivers; `close` ends all of them, and throws what was told to `onFault` in any. */
export function createReceivingWorlds() {
  const worlds: World[] = [];
  return {
    async open(options: WorldOptions = {}): Promise<ReceivingWorld> {
      const receiver = createReceiver();
      const world = await createWorld({ publicFetch: receiver.fetch, ...options });
      worlds.push(world);
      return { ...world, receiver };
    },
    async close(): Promise<void> {
      const ended = worlds.splice(0).reverse();
      for (const world of ended) await world.close();
      const faults = ended.flatMap((world) => world.faults);
      if (faults.length > 0) throw new Error(faults.join("\n"));
    },
  };
}

/** Whether a webhook carries a signature by this secret. Unlike `verify` it does not ask the computer's own clock. */
export function isSignedBy(secret: string, { headers, body }: Received): boolean {
  const at = new Date(Number(headers["webhook-timestamp"]) * 1000);
  const expected = new Webhook(secret).sign(headers["webhook-id"] ?? "", at, body);
  return (headers["webhook-signature"] ?? "").split(" ").includes(expected);
}

const base = "/api/v1/manage/environments/env_preview/webhook-endpoints";

/** Asks the management API about webhooks, as a publisher. `path` follows `…/webhook-endpoints`. */
export function askWebhooks(world: World, method: string, path = "", body?: unknown) {
  return ask(world, method, `${base}${path}`, { key: world.adminToken, ...(body === undefined ? {} : { body }) });
}

/** Makes an endpoint through the front door. */
export async function makeEndpoint(
  world: World,
  wishes: { url?: string; types?: string[] } = {},
): Promise<{ id: string; secret: string }> {
  const { status, text, body } = await askWebhooks(world, "POST", "", { url: "https://hooks.test/in", ...wishes });
  if (status !== 200) throw new Error(text);
  return { id: body.endpoint.id, secret: body.secret };
}

/** Tells messages in a transaction of their own, as what makes them true does. */
export async function tellAll(world: World, messages: WebhookMessage[]): Promise<void> {
  const environment = await world.engine.environments.get(world.environmentId);
  if (environment === undefined) throw new Error("the world has no environment");
  await world.engine.storage.write((tx) => tell(tx, environment, messages, world.engine.now()));
}

/** A message about the `n`th member. */
export function memberCreated(n = 1): WebhookMessage {
  const identifier = `reader-${n}@example.com`;
  return { type: "member.created", data: { member: { id: `mem_${n}`, identifier, email: identifier } } };
}

/** What became of the messages to an endpoint, newest first. */
export async function deliveriesOf(world: World, endpointId: string, query = "") {
  const { status, text, body } = await askWebhooks(world, "GET", `/${endpointId}/deliveries${query}`);
  if (status !== 200) throw new Error(text);
  return body.deliveries;
}
