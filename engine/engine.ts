import { largestBudgets } from "../schemas/workflow.ts";
import type { BudgetMaxima } from "./budgets.ts";
import type { RecordedAnswer } from "./claims.ts";
import type { WorkflowCompiler } from "./compiler.ts";
import { type Counts, createCounts } from "./counts.ts";
import {
  createEnvironmentMemory,
  createEnvironments,
  type EnvironmentMemory,
  type Environments,
} from "./environments.ts";
import { createEventLog, type EventLog } from "./events.ts";
import { createPurchaseFinder, type PurchaseFinder } from "./fulfilment/find-purchases.ts";
import { createFlights, type Flights } from "./fulfilment/flights.ts";
import type { Fulfilled, ToldEvent } from "./fulfilment/fulfilled.ts";
import { createSettler, type Settler } from "./fulfilment/settler.ts";
import { createHolders, type Holders } from "./holders.ts";
import { createMemberKeyMemory, createMemberKeys, type MemberKeyMemory, type MemberKeys } from "./member-keys.ts";
import {
  createRateLimitMemory,
  createRateLimits,
  type RateLimitMemory,
  type RateLimitSettings,
  type RateLimits,
} from "./rate-limits.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Storage } from "./storage.ts";
import { isStorageError } from "./storage-fault.ts";
import { createStripeClients, type StripeClients, type StripeEndpoint, type StripeHttpClient } from "./stripe.ts";
import type { Vault } from "./vault.ts";
import { createWebhookBell, type WebhookBell } from "./webhooks/bell.ts";

/** What differs between runtimes. Everything else is the engine. */
export type EngineParts = {
  storage: Storage;
  vault: Vault;
  sandbox: Sandbox;
  /** Null where there is no compiler: workflows are saved elsewhere, on the same database. */
  compile: WorkflowCompiler | null;
  /** For hosts that the operator configured: Stripe, key sets. */
  fetch: typeof fetch;
  /** For addresses that a workflow names: refuses every address that is not public. */
  publicFetch: typeof fetch;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Where this server is reached from outside, without a slash at its end: `https://offers.example.com`. */
  publicUrl: string;
  /** Where Stripe is; the real one when left out. */
  stripeEndpoint?: StripeEndpoint;
  /** How Stripe is spoken to, where the runtime has a faster way than `fetch`. */
  stripeHttpClient?: StripeHttpClient;
  /** The most that a run may use, whatever an environment says; that of the schema when left out. */
  budgetMaxima?: BudgetMaxima;
  /** How much is allowed of what is limited; the defaults for what is left out. */
  rateLimits?: Partial<RateLimitSettings>;
  /** Told of failures that no caller is waiting for. */
  onFault: (fault: unknown, what: string) => void;
  /** Told of what is no failure, and an operator may want to know. */
  onNotice?: (notice: string) => void;
  /** What an earlier engine learned, where each request has an engine of its own. */
  memory?: EngineMemory;
  /** Where the events of decisions go, if not into this engine's own batches. */
  eventLog?: EventLog;
};

/** What an engine learns of its database and may leave to the next: values alone, nothing that is under way. */
export type EngineMemory = {
  environments: EnvironmentMemory;
  memberKeys: MemberKeyMemory;
  rateLimits: RateLimitMemory;
};

/** A memory in which nothing is yet. */
export function createEngineMemory(): EngineMemory {
  return {
    environments: createEnvironmentMemory(),
    memberKeys: createMemberKeyMemory(),
    rateLimits: createRateLimitMemory(),
  };
}

/** The engine: its parts, and what it keeps in memory. */
export type Engine = Omit<EngineParts, "rateLimits"> & {
  budgetMaxima: BudgetMaxima;
  rateLimits: RateLimits;
  environments: Environments;
  events: EventLog;
  /** Redemptions that were answered, by environment and `success` or error code. */
  redemptionCounts: Counts;
  /** Runs of redemptions' workflows, by environment, slug of the method, and outcome. */
  runCounts: Counts;
  /** What was told to `onFault`: `database` or `other`. */
  faultCounts: Counts;
  holders: Holders;
  memberKeys: MemberKeys;
  stripe: StripeClients;
  /** Ring it after a commit in which `tell` was called. */
  webhookBell: WebhookBell;
  /** Redemptions under way in this process, so that a second request waits for the first. */
  redemptionsUnderWay: Map<string, Promise<RecordedAnswer>>;
  /** Sessions that are being fulfilled in this process. */
  fulfilments: Flights<ToldEvent, Fulfilled>;
  findPurchase: PurchaseFinder;
  /** Writes what Stripe said of sessions. */
  settle: Settler;
  /** Questions to Stripe about an offer's places, under way in this process. */
  placesAskedFor: Map<string, Promise<boolean>>;
};

/** Puts an engine together. The storage must be migrated. */
export function createEngine(given: EngineParts): Engine {
  const faultCounts = createCounts();
  const onFault: EngineParts["onFault"] = (fault, what) => {
    faultCounts.add(isStorageError(fault) ? "database" : "other");
    given.onFault(fault, what);
  };
  const parts = { ...given, onFault, budgetMaxima: given.budgetMaxima ?? largestBudgets };
  return {
    ...parts,
    faultCounts,
    rateLimits: createRateLimits(parts, parts.memory?.rateLimits),
    environments: createEnvironments(parts, parts.memory?.environments),
    events: parts.eventLog ?? createEventLog(parts),
    redemptionCounts: createCounts(),
    runCounts: createCounts(),
    holders: createHolders(parts),
    memberKeys: createMemberKeys(parts, parts.memory?.memberKeys),
    stripe: createStripeClients(parts),
    webhookBell: createWebhookBell(),
    redemptionsUnderWay: new Map(),
    fulfilments: createFlights(),
    findPurchase: createPurchaseFinder(parts),
    settle: createSettler(parts),
    placesAskedFor: new Map(),
  };
}

/** Writes what is still in memory and ends the sandbox. Call it after the last request was answered. */
export async function closeEngine(engine: Engine): Promise<void> {
  try {
    await flushPatiently(engine);
    await checkpoint(engine);
  } finally {
    await engine.sandbox.close();
    engine.storage.close();
  }
}

/** Brings what is in a file's log into the file itself, as far as nobody else reads: whoever copies it then has it all. */
async function checkpoint({ storage: { client }, onFault }: Engine): Promise<void> {
  if (client.protocol !== "file") return;
  await client
    .execute("pragma wal_checkpoint(passive)")
    .catch((fault: unknown) => onFault(fault, "the database's log could not be brought into its file"));
}

/** Another process may hold the database for a while: what was acknowledged is not given up at the first refusal. */
async function flushPatiently({ events }: Engine): Promise<void> {
  for (let tries = 1; tries < 4; tries++) {
    const done = await events.flush().then(
      () => true,
      () => false,
    );
    if (done) return;
    await new Promise((resolve) => setTimeout(resolve, 500 * tries));
  }
  await events.flush();
}
