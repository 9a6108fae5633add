import { createClient } from "@libsql/client/web";
import type { Hono } from "hono";
import { replaceAdminToken } from "../engine/admin.ts";
import { createEngine, createEngineMemory, type Engine, type EngineMemory } from "../engine/engine.ts";
import { createEventPool, createPooledEventLog, type EventPool } from "../engine/events.ts";
import { refusingPrivate } from "../engine/public-address.ts";
import { createTally, type Tally } from "../engine/sandbox/tally.ts";
import { createWorkerLoaderSandbox, type GuestModules, type WorkerLoader } from "../engine/sandbox/worker-loader.ts";
import { type Circuit, createCircuit } from "../engine/storage/circuit.ts";
import { remoteOptions } from "../engine/storage/remote-client.ts";
import { createStorage, migrate, type Storage } from "../engine/storage.ts";
import { createVault, isVaultOf, type Vault } from "../engine/vault.ts";
import { inTurn, type WriteTurns } from "../engine/write-turns.ts";
import { migrations } from "../schemas/generated/migrations.ts";
import { createApp } from "./app.ts";
import { header } from "./header.ts";
import { noticesOfNoLimit } from "./rate-limits.ts";
import { createRequestEngines, type RequestEngines } from "./request-engines.ts";
import { stripeEndpointOf } from "./stripe-endpoint.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/**
 * What outlives a request: values alone, never a promise, a timer or a connection. The runtime may end a request in the
 * middle, and what it had begun would never end for those who wait for it.
 */
export type Isolate = {
  settings: WorkerSettings;
  loader: WorkerLoader;
  guest: GuestModules;
  vault: Vault;
  memory: EngineMemory;
  events: EventPool;
  tally: Tally;
  circuit: Circuit;
  turns: WriteTurns;
  app: Hono;
  engines: RequestEngines;
  /** Whether the database was seen to be migrated, of this key, and with this admin token. */
  isBegun: boolean;
  /** When this isolate last asked what others have changed. */
  lookedAtMs: number;
  /** When it last told others what its rate limits counted, and heard of theirs. */
  exchangedAtMs: number;
};

/** Makes the isolate's part of a server. Asks nobody anything. */
export async function openIsolate(
  settings: WorkerSettings,
  { loader, guest }: Pick<Isolate, "loader" | "guest">,
): Promise<Isolate> {
  const vault = await createVault(settings.masterKey);
  const kept = {
    settings,
    loader,
    guest,
    vault,
    memory: createEngineMemory(),
    events: createEventPool(),
    tally: createTally(),
    circuit: createCircuit(),
    turns: { queue: [] },
  };
  const engines = createRequestEngines(engineOf(kept));
  const app = createApp(engines.current, {
    ownOrigins: [new URL(settings.publicUrl).origin],
    clientKey: () => settings.clientPublicKey,
    // Cloudflare writes it, whatever the visitor has sent
    clientAddress: (c) => header(c, "cf-connecting-ip") ?? null,
  });
  for (const notice of noticesOfNoLimit(settings)) warn(settings, notice);
  const never = Number.NEGATIVE_INFINITY;
  return { ...kept, app, engines, isBegun: false, lookedAtMs: never, exchangedAtMs: never };
}

type Kept = Pick<
  Isolate,
  "settings" | "loader" | "guest" | "vault" | "memory" | "events" | "tally" | "circuit" | "turns"
>;

/** The engine of one request, with a client, a queue and a sandbox of its own. Costs a tenth of a millisecond. */
export function engineOf({ settings, loader, guest, vault, memory, events, tally, circuit, turns }: Kept): Engine {
  const { databaseUrl, databaseAuthToken, publicUrl, logLevel } = settings;
  const authToken = databaseAuthToken === null ? {} : { authToken: databaseAuthToken };
  const client = createClient({ url: databaseUrl, ...authToken, ...remoteOptions(boundFetch) });
  const own = createStorage(client, undefined, circuit);
  const storage: Storage = {
    ...own,
    write: (work) => inTurn(turns, () => own.write(work)),
    writeOne: (work) => inTurn(turns, () => own.writeOne(work)),
  };
  const onFault = (fault: unknown, what: string) => {
    if (logLevel !== "silent") console.error(JSON.stringify({ level: "error", msg: what, err: shown(fault) }));
  };
  const stripeEndpoint = stripeEndpointOf(settings);
  return createEngine({
    storage,
    vault,
    sandbox: createWorkerLoaderSandbox(loader, guest, tally),
    budgetMaxima: settings.budgetMaxima,
    compile: null,
    fetch: boundFetch,
    publicFetch: refusingPrivate(boundFetch),
    now: Date.now,
    publicUrl,
    ...(stripeEndpoint === null ? {} : { stripeEndpoint }),
    rateLimits: settings.rateLimits,
    onFault,
    onNotice: (notice) => warn(settings, notice),
    memory,
    eventLog: createPooledEventLog(events, { storage, onFault }),
  });
}

function warn({ logLevel }: WorkerSettings, msg: string): void {
  if (logLevel !== "silent") console.warn(JSON.stringify({ level: "warn", msg }));
}

/** workerd's `fetch` asks to be called as a function of nothing else. */
const boundFetch: typeof fetch = (input, init) => fetch(input, init);

function shown(fault: unknown): unknown {
  return fault instanceof Error ? { type: fault.name, message: fault.message, stack: fault.stack } : fault;
}

/**
 * What a server does when it starts, once in an isolate, before its first request that needs the database. Several requests
 * may do it side by side. Rejects with another master key than the database's.
 */
export async function begin(isolate: Isolate, engine: Engine): Promise<void> {
  if (isolate.isBegun) return;
  const { settings, vault } = isolate;
  if (!(await isMigrated(engine.storage))) await migrate(engine.storage, engine.now);
  if (!(await isVaultOf(vault, engine.storage))) {
    throw new Error("SCRIP_MASTER_KEY is not the key that this database was begun with: its secrets cannot be opened");
  }
  if (settings.adminToken !== null) {
    await replaceAdminToken(engine, settings.adminToken, { label: "SCRIP_ADMIN_TOKEN", role: "publisher" });
  }
  isolate.isBegun = true;
}

/** One question instead of a write: isolates begin often. A database without a ledger is not migrated. */
async function isMigrated({ client }: Storage): Promise<boolean> {
  const done = await client.execute("select name from migrations").catch(() => null);
  const applied = new Set(done?.rows.map(({ name }) => name));
  return migrations.every(({ name }) => applied.has(name));
}

const freshMs = 1000;
/** A database that does not answer must not keep anonymous visitors from what is known of their offers. */
const mostLookMs = 2000;

/**
 * Reads what other isolates and servers have changed, unless it was read within the last second. There is no clock that
 * could do it between requests: an isolate that slept for an hour must not answer with what was in force then.
 */
export async function freshen(isolate: Isolate, engine: Engine): Promise<void> {
  const askedAtMs = Date.now();
  if (askedAtMs - isolate.lookedAtMs < freshMs) return;
  try {
    await within(engine.environments.refresh(), mostLookMs);
  } catch (fault) {
    engine.onFault(fault, "what other servers changed could not be read");
  }
  // also where there was no answer: the next ones go on with what is known for a second
  isolate.lookedAtMs = Math.max(isolate.lookedAtMs, askedAtMs);
}

/** Lets the rate limits of all isolates and servers hold over all of them, unless that was done within the last second. */
export async function exchangeCounts(isolate: Isolate, engine: Engine): Promise<void> {
  const nowMs = Date.now();
  if (!isolate.isBegun || nowMs - isolate.exchangedAtMs < freshMs) return;
  isolate.exchangedAtMs = nowMs;
  await engine.rateLimits
    .sync()
    .catch((fault: unknown) => engine.onFault(fault, "what other servers counted could not be read"));
}

async function within(work: Promise<void>, mostMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${mostMs} ms`)), mostMs);
  await Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
