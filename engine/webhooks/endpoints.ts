import { and, asc, eq, ne } from "drizzle-orm";
import { webhookEndpoints } from "../../schemas/webhook-tables.ts";
import type { WebhookType } from "../../schemas/webhooks.ts";
import { randomText } from "../digest.ts";
import type { Engine } from "../engine.ts";
import { ScripError } from "../error.ts";
import { bumpRevision } from "../revision.ts";
import type { Database } from "../storage.ts";
import { type DisabledReason, lastDisabledReason, noteEnabled } from "./history.ts";
import { tellOne } from "./outbox.ts";
import { disableEndpoint } from "./record.ts";
import { newWebhookSecret } from "./sign.ts";

/** An endpoint as operators see it: never with its secrets. Times are milliseconds since the epoch. */
export type ShownEndpoint = {
  id: string;
  url: string;
  description: string;
  types: string[];
  createdAt: number;
  disabledAt: number | null;
  disabledReason: DisabledReason | null;
  previousSecretUntil: number | null;
};

/** What an operator says of an endpoint. `types` empty means all. */
export type EndpointWishes = { url: string; description: string; types: WebhookType[]; enabled: boolean };

/** An endpoint of an environment. */
export type EndpointAddress = { environmentId: string; endpointId: string };

type Row = typeof webhookEndpoints.$inferSelect;

const mostEndpoints = 20;
const rotationMs = 24 * 3_600_000;

/** A deleted endpoint has lost its secret, and is kept for its history. */
const deletedSecret = "";

const own = (environmentId: string) =>
  and(eq(webhookEndpoints.environmentId, environmentId), ne(webhookEndpoints.secretSealed, deletedSecret));

async function existing(db: Database, { environmentId, endpointId }: EndpointAddress): Promise<Row> {
  const [row] = await db
    .select()
    .from(webhookEndpoints)
    .where(and(own(environmentId), eq(webhookEndpoints.id, endpointId)));
  if (row === undefined) throw new ScripError("webhook_endpoint_not_found", `No webhook endpoint ${endpointId}`);
  return row;
}

async function shown({ storage, now }: Engine, row: Row): Promise<ShownEndpoint> {
  const { id, url, description, types, createdAt, disabledAt, previousUntil } = row;
  return {
    ...{ id, url, description, types, createdAt, disabledAt },
    disabledReason: disabledAt === null ? null : await lastDisabledReason(storage.db, id),
    previousSecretUntil: previousUntil !== null && previousUntil > now() ? previousUntil : null,
  };
}

/** The endpoints of an environment, oldest first. */
export async function listEndpoints(engine: Engine, environmentId: string): Promise<ShownEndpoint[]> {
  const { createdAt, id } = webhookEndpoints;
  const rows = engine.storage.db.select().from(webhookEndpoints).where(own(environmentId));
  return Promise.all((await rows.orderBy(asc(createdAt), asc(id))).map((row) => shown(engine, row)));
}

/** Makes an endpoint. Its secret is in the answer and never again. Throws `limit_reached`. */
export async function createEndpoint(
  engine: Engine,
  environmentId: string,
  { url, description, types, enabled }: EndpointWishes,
): Promise<ShownEndpoint & { secret: string }> {
  const id = `we_${randomText(16)}`;
  const secret = newWebhookSecret();
  const row = {
    ...{ id, environmentId, url, description, types: [...new Set(types)] },
    ...{ secretSealed: await engine.vault.seal(secret, sealOf(id)), previousSecretSealed: null, previousUntil: null },
    ...{ createdAt: engine.now(), disabledAt: null },
  };
  await engine.storage.write(async (tx) => {
    const others = await tx.select({ id: webhookEndpoints.id }).from(webhookEndpoints).where(own(environmentId));
    if (others.length >= mostEndpoints) {
      throw new ScripError(
        "limit_reached",
        `An environment has at most ${mostEndpoints} webhook endpoints: delete one`,
      );
    }
    await bumpRevision(tx, environmentId);
    await tx.insert(webhookEndpoints).values(row);
    if (!enabled) await disableEndpoint(tx, { environmentId, endpointId: id }, "operator", row.createdAt);
  });
  await engine.environments.reload(environmentId);
  return { ...(await shownNow(engine, { environmentId, endpointId: id })), secret };
}

async function shownNow(engine: Engine, address: EndpointAddress): Promise<ShownEndpoint> {
  return shown(engine, await existing(engine.storage.db, address));
}

/** Changes what is named. Throws `webhook_endpoint_not_found`. */
export async function updateEndpoint(
  engine: Engine,
  address: EndpointAddress,
  { enabled, ...wishes }: Partial<EndpointWishes>,
): Promise<ShownEndpoint> {
  const { environmentId, endpointId } = address;
  await engine.storage.write(async (tx) => {
    const { disabledAt, url, description, types } = await existing(tx, address);
    await bumpRevision(tx, environmentId);
    await tx
      .update(webhookEndpoints)
      .set({ url, description, ...wishes, types: [...new Set(wishes.types ?? types)] })
      .where(eq(webhookEndpoints.id, endpointId));
    if (enabled === false) await disableEndpoint(tx, address, "operator", engine.now());
    if (enabled !== true || disabledAt === null) return;
    await tx.update(webhookEndpoints).set({ disabledAt: null }).where(eq(webhookEndpoints.id, endpointId));
    await noteEnabled(tx, endpointId, engine.now());
  });
  await engine.environments.reload(environmentId);
  return shownNow(engine, address);
}

/**
 * Disables an endpoint for good, forgets its secrets and shows it no longer; what was sent to it stays on record.
 * Throws `webhook_endpoint_not_found`.
 */
export async function deleteEndpoint(engine: Engine, address: EndpointAddress): Promise<void> {
  const { environmentId, endpointId } = address;
  await engine.storage.write(async (tx) => {
    await existing(tx, address);
    await disableEndpoint(tx, address, "operator", engine.now());
    await tx
      .update(webhookEndpoints)
      .set({ secretSealed: deletedSecret, previousSecretSealed: null, previousUntil: null })
      .where(eq(webhookEndpoints.id, endpointId));
  });
  await engine.environments.reload(environmentId);
}

/**
 * Gives an endpoint a new secret, which is in the answer and never again. The one before signs too for 24 hours; one
 * before that ends now. Throws `webhook_endpoint_not_found`.
 */
export async function rotateEndpointSecret(
  engine: Engine,
  address: EndpointAddress,
): Promise<ShownEndpoint & { secret: string }> {
  const secret = newWebhookSecret();
  const secretSealed = await engine.vault.seal(secret, sealOf(address.endpointId));
  await engine.storage.write(async (tx) => {
    const { secretSealed: previousSecretSealed } = await existing(tx, address);
    await tx
      .update(webhookEndpoints)
      .set({ secretSealed, previousSecretSealed, previousUntil: engine.now() + rotationMs })
      .where(eq(webhookEndpoints.id, address.endpointId));
  });
  return { ...(await shownNow(engine, address)), secret };
}

/** Sends a `ping` to an endpoint, whatever types it wants. The id of the message. Throws `webhook_endpoint_not_found`. */
export async function pingEndpoint(engine: Engine, address: EndpointAddress): Promise<string> {
  const id = await engine.storage.write(async (tx) => {
    await existing(tx, address);
    return tellOne(tx, address, { type: "ping", data: { endpointId: address.endpointId } }, engine.now());
  });
  engine.webhookBell.ring();
  return id;
}

/** The secrets that sign at `atMs`, newest first. */
export async function secretsOf({ vault }: Engine, row: Row, atMs: number): Promise<string[]> {
  const { id, secretSealed, previousSecretSealed, previousUntil } = row;
  const both = previousSecretSealed !== null && previousUntil !== null && previousUntil > atMs;
  const sealed = both ? [secretSealed, previousSecretSealed] : [secretSealed];
  return Promise.all(sealed.map((one) => vault.open(one, sealOf(id))));
}

function sealOf(endpointId: string): string {
  return `webhook:${endpointId}`;
}
