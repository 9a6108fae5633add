import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { afterEach, beforeEach } from "vitest";
import { ScripError } from "../../engine/error.ts";
import {
  createRateLimitMemory,
  createRateLimits,
  type LimitName,
  type RateLimitSettings,
  type RateLimits,
} from "../../engine/rate-limits.ts";
import { createStorage, driverWaitMs, migrate, type Storage } from "../../engine/storage.ts";
import { rateLimits } from "../../schemas/tables.ts";
import { createClock } from "../fakes/clock.ts";

/** The servers' clock. */
export const clock = createClock(0);
const settings = { keyPerSecond: 10, addressPerMinute: 30, failuresPerMinute: 20 };
let folder: string;
let storages: Storage[];
let isAway: boolean;
/** What operators were told. */
export let notices: string[];

/** Gives each test of a file a database of its own, and the middle of a minute. */
export function prepareLimits(): void {
  beforeEach(async () => {
    clock.set(Date.parse("2026-03-01T12:00:00Z"));
    folder = await mkdtemp(join(tmpdir(), "scrip-limits-"));
    [storages, isAway, notices] = [[], false, []];
  });
  afterEach(async () => {
    for (const storage of storages) storage.close();
    await rm(folder, { recursive: true, force: true });
  });
}

/** A server's limits, on a connection of its own to the one database. */
export async function node(
  more: Partial<RateLimitSettings> = {},
  memory = createRateLimitMemory(),
): Promise<RateLimits> {
  const url = pathToFileURL(join(folder, "a.db")).href;
  const storage = createStorage(createClient({ url, timeout: driverWaitMs }));
  storages.push(storage);
  await migrate(storage, clock.now);
  const away = () => Promise.reject(new Error("the database does not answer"));
  const seen: Storage = { ...storage, write: (work) => (isAway ? away() : storage.write(work)) };
  const onNotice = (notice: string) => notices.push(notice);
  return createRateLimits({ storage: seen, now: clock.now, rateLimits: { ...settings, ...more }, onNotice }, memory);
}

/** So many servers on one database. */
export async function nodes(count: number): Promise<RateLimits[]> {
  const made: RateLimits[] = [];
  for (let i = 0; i < count; i++) made.push(await node());
  return made;
}

/** Seconds to wait, or 0 when it was let through. */
export async function take(limits: RateLimits, name: LimitName, subject: string): Promise<number> {
  return limits.take(name, subject).then(
    () => 0,
    (error: unknown) => {
      if (!(error instanceof ScripError) || error.code !== "rate_limited") throw error;
      return error.retryAfterSeconds ?? 0;
    },
  );
}

/** How many of so many at once are let through. */
export async function admitted(limits: RateLimits, count: number, name: LimitName = "key", subject = "key_1") {
  const all = await Promise.all(Array.from({ length: count }, () => take(limits, name, subject)));
  return all.filter((seconds) => seconds === 0).length;
}

/** What the servers have written. */
export const rows = async () => (await storages[0]?.db.select().from(rateLimits)) ?? [];

/** Has the database answer nobody, or everybody again. */
export function setAway(away: boolean): void {
  isAway = away;
}
