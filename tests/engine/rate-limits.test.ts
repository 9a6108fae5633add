import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScripError } from "../../engine/error.ts";
import { mostSubjects } from "../../engine/rate-limits/limit.ts";
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

const clock = createClock(0);
const settings = { keyPerSecond: 10, addressPerMinute: 30, failuresPerMinute: 20 };
let folder: string;
let storages: Storage[];
let isAway: boolean;
let notices: string[];

beforeEach(async () => {
  clock.set(Date.parse("2026-03-01T12:00:00Z"));
  folder = await mkdtemp(join(tmpdir(), "scrip-limits-"));
  [storages, isAway, notices] = [[], false, []];
});
afterEach(async () => {
  for (const storage of storages) storage.close();
  await rm(folder, { recursive: true, force: true });
});

/** A server's limits, on a connection of its own to the one database. */
async function node(more: Partial<RateLimitSettings> = {}, memory = createRateLimitMemory()): Promise<RateLimits> {
  const url = pathToFileURL(join(folder, "a.db")).href;
  const storage = createStorage(createClient({ url, timeout: driverWaitMs }));
  storages.push(storage);
  await migrate(storage, clock.now);
  const away = () => Promise.reject(new Error("the database does not answer"));
  const seen: Storage = { ...storage, write: (work) => (isAway ? away() : storage.write(work)) };
  const onNotice = (notice: string) => notices.push(notice);
  return createRateLimits({ storage: seen, now: clock.now, rateLimits: { ...settings, ...more }, onNotice }, memory);
}

async function nodes(count: number): Promise<RateLimits[]> {
  const made: RateLimits[] = [];
  for (let i = 0; i < count; i++) made.push(await node());
  return made;
}

/** Seconds to wait, or 0 when it was let through. */
async function take(limits: RateLimits, name: LimitName, subject: string): Promise<number> {
  return limits.take(name, subject).then(
    () => 0,
    (error: unknown) => {
      if (!(error instanceof ScripError) || error.code !== "rate_limited") throw error;
      return error.retryAfterSeconds ?? 0;
    },
  );
}

/** How many of so many at once are let through. */
async function admitted(limits: RateLimits, count: number, name: LimitName = "key", subject = "key_1") {
  const all = await Promise.all(Array.from({ length: count }, () => take(limits, name, subject)));
  return all.filter((seconds) => seconds === 0).length;
}

const rows = async () => (await storages[0]?.db.select().from(rateLimits)) ?? [];

describe("one server", () => {
  test.each([
    ["key", 100, 10],
    ["reads", 300, 60],
    ["actions", 30, 60],
    ["failures", 20, 60],
  ] as const)(
    "lets exactly its limit of %s through, of 2,000 at once, until the window ends",
    async (name, most, s) => {
      const limits = await node();
      expect(await admitted(limits, 2000, name)).toBe(most);
      clock.advance(s * 1000 - 1);
      expect(await take(limits, name, "key_1")).toBe(1);
      clock.advance(1);
      expect(await admitted(limits, 2000, name)).toBe(most);
      expect(limits.refused[name]).toBe((2000 - most) * 2 + 1);
    },
  );

  test("says in whole seconds when the window ends", async () => {
    const limits = await node();
    await admitted(limits, 100);
    expect(await take(limits, "key", "key_1")).toBe(10);
    clock.advance(1);
    expect(await take(limits, "key", "key_1")).toBe(10);
    clock.advance(999);
    expect(await take(limits, "key", "key_1")).toBe(9);
    clock.advance(8999);
    expect(await take(limits, "key", "key_1")).toBe(1);
  });

  test("counts each subject and each limit by itself", async () => {
    const limits = await node();
    await admitted(limits, 100);
    expect(await take(limits, "key", "key_1")).toBeGreaterThan(0);
    expect(await take(limits, "key", "key_2")).toBe(0);
    expect(await take(limits, "reads", "key_1")).toBe(0);
  });

  test("limits nothing where the setting is 0, and nobody who is not known", async () => {
    const limits = await node({ keyPerSecond: 0 });
    expect(await admitted(limits, 2000)).toBe(2000);
    await Promise.all(Array.from({ length: 2000 }, () => limits.take("actions", null)));
    expect(limits.refused).toEqual({ key: 0, reads: 0, actions: 0, failures: 0 });
  });

  test("begins a new window when the clock is set back or forth, and asks for no longer wait than a window", async () => {
    const limits = await node();
    await admitted(limits, 101);
    clock.advance(-3_600_000);
    expect(await admitted(limits, 101)).toBe(100);
    expect(await take(limits, "key", "key_1")).toBe(10);
    clock.advance(86_400_000);
    expect(await admitted(limits, 101)).toBe(100);
  });

  test("counts no more subjects than it has memory for, and those that it knows still", async () => {
    const limits = await node();
    await admitted(limits, 29, "actions", "known");
    for (let i = 1; i < mostSubjects; i++) await limits.take("actions", `address ${i}`);
    expect(await admitted(limits, 100, "actions", "one too many")).toBe(100);
    expect(await admitted(limits, 100, "actions", "known")).toBe(1);
  });

  test("tells of each subject once a minute, and not of more than twenty", async () => {
    const limits = await node({ addressPerMinute: 1 });
    for (let i = 0; i < 40; i++) await admitted(limits, 5, "actions", `192.0.2.${i}`);
    expect(notices).toHaveLength(20);
    expect(notices[0]).toBe("rate limit: actions 192.0.2.0 is refused");
    clock.advance(60_000);
    await admitted(limits, 5, "actions", "192.0.2.0");
    expect(notices).toHaveLength(21);
  });
});

describe("guesses", () => {
  const codes = ["invalid_admin_token"] as const;
  const wrong = async () => {
    // others begin meanwhile
    await new Promise((resolve) => setImmediate(resolve));
    throw new ScripError("invalid_admin_token", "Invalid admin token");
  };
  const code = (tried: Promise<unknown>) =>
    tried.then(
      () => "good",
      (error: unknown) => (error instanceof ScripError ? error.code : String(error)),
    );

  test("of a thousand at once are no more than one after another", async () => {
    const limits = await node();
    let tried = 0;
    const guess = () => {
      tried++;
      return wrong();
    };
    await Promise.all(Array.from({ length: 1000 }, () => code(limits.attempt("admin 192.0.2.1", codes, guess))));
    expect(tried).toBe(20);
    expect(await code(limits.attempt("admin 192.0.2.1", codes, async () => "right"))).toBe("rate_limited");
    expect(await code(limits.attempt("admin 192.0.2.2", codes, async () => "right"))).toBe("good");
  });

  test("that are right, or fail for another reason, are not counted", async () => {
    const limits = await node();
    const busy = async () => Promise.reject(new ScripError("storage_unavailable", "The database does not answer"));
    for (let i = 0; i < 100; i++) {
      expect(await code(limits.attempt("admin 192.0.2.1", codes, async () => "right"))).toBe("good");
      expect(await code(limits.attempt("admin 192.0.2.1", codes, busy))).toBe("storage_unavailable");
    }
    for (let i = 0; i < 20; i++) expect(await code(limits.attempt("admin 192.0.2.1", codes, wrong))).toBe(codes[0]);
    expect(await code(limits.attempt("admin 192.0.2.1", codes, wrong))).toBe("rate_limited");
  });

  test("that end after their window has ended take nothing from the next", async () => {
    const limits = await node();
    await code(
      limits.attempt("admin 192.0.2.1", codes, async () => {
        clock.advance(60_000);
        return "right";
      }),
    );
    const all = Array.from({ length: 30 }, () => code(limits.attempt("admin 192.0.2.1", codes, wrong)));
    expect((await Promise.all(all)).filter((one) => one === codes[0])).toHaveLength(20);
  });
});

describe("several servers on one database", () => {
  const sync = (all: RateLimits[]) => Promise.all(all.map((one) => one.sync()));

  test("let at most the limit of each through at once, and nothing more after they have heard of each other", async () => {
    const all = await nodes(3);
    const first = await Promise.all(all.map((one) => admitted(one, 2000)));
    expect(first).toEqual([100, 100, 100]);
    await sync(all);
    await sync(all);
    expect(await Promise.all(all.map((one) => admitted(one, 2000)))).toEqual([0, 0, 0]);
    clock.advance(10_000);
    await sync(all);
    expect(await admitted(all[0] ?? never(), 2000)).toBe(100);
    await sync(all);
    await sync(all);
    expect(await admitted(all[1] ?? never(), 2000)).toBe(0);
  });

  test("exceed a limit by no more than they let through between two exchanges, and a tenth of it each", async () => {
    const all = await nodes(3);
    for (let window = 0; window < 3; window++) {
      let passed = 0;
      for (let second = 0; second < 10; second++) {
        for (const one of all) passed += await admitted(one, 8);
        await sync(all);
        clock.advance(1000);
      }
      expect(passed).toBeGreaterThanOrEqual(100);
      expect(passed).toBeLessThanOrEqual(100 + 2 * (8 + 8 + 10));
    }
  });

  test("one that comes in the middle of a window hears what was counted before", async () => {
    const first = await node();
    await admitted(first, 60);
    await first.sync();
    const second = await node();
    await second.sync();
    expect(await admitted(second, 2000)).toBe(40);
  });

  test("guesses too: what was tried at one is not tried again at another", async () => {
    const [first = never(), second = never()] = await nodes(2);
    await admitted(first, 20, "failures", "admin 192.0.2.1");
    await sync([first, second]);
    await second.sync();
    expect(await admitted(second, 20, "failures", "admin 192.0.2.1")).toBe(0);
  });

  test("one whose clock is a window ahead is heard when the others get there", async () => {
    const [first = never(), second = never()] = await nodes(2);
    clock.advance(10_000);
    await admitted(first, 100);
    await first.sync();
    clock.advance(-10_000);
    await second.sync();
    expect(await admitted(second, 50)).toBe(50);
    clock.advance(10_000);
    await second.sync();
    expect(await admitted(second, 50)).toBe(0);
  });

  test("while the database is away each holds its own limit, and tells of it afterwards", async () => {
    const [first = never(), second = never()] = await nodes(2);
    isAway = true;
    expect(await admitted(first, 2000)).toBe(100);
    await expect(first.sync()).rejects.toThrow("does not answer");
    expect(await admitted(second, 50)).toBe(50);
    isAway = false;
    await sync([first, second]);
    await second.sync();
    expect(await admitted(second, 50)).toBe(0);
  });

  test("exchanges that are asked for at once are one", async () => {
    const limits = await node();
    await admitted(limits, 50);
    expect(new Set(Array.from({ length: 10 }, () => limits.sync())).size).toBe(1);
    await limits.sync();
    expect(await rows()).toMatchObject([{ name: "key", subject: "key_1", count: 50 }]);
  });

  test("write nothing of the visitors of a normal day", async () => {
    const limits = await node();
    for (let i = 0; i < 500; i++) await admitted(limits, 2, "actions", `198.51.100.${i}`);
    await limits.sync();
    expect(await rows()).toEqual([]);
  });

  test("delete what was counted when its window has ended for a minute, whoever wrote it", async () => {
    const [first = never(), second = never()] = await nodes(2);
    await admitted(first, 50);
    await first.sync();
    expect(await rows()).toHaveLength(1);
    await second.sync();
    clock.advance(69_999);
    await second.sync();
    expect(await rows()).toHaveLength(1);
    clock.advance(60_000);
    await second.sync();
    expect(await rows()).toEqual([]);
  });
});

test("limits that are made anew over the same memory go on counting, and are one server to the others", async () => {
  const memory = createRateLimitMemory();
  for (let i = 0; i < 3; i++) await admitted(await node({}, memory), 30);
  const last = await node({}, memory);
  expect(await admitted(last, 30)).toBe(10);
  expect(last.refused.key).toBe(20);
  await (await node({}, memory)).sync();
  await last.sync();
  expect(await rows()).toMatchObject([{ count: 120 }]);
  expect(notices).toHaveLength(1);
});

function never(): never {
  throw new Error("unreachable");
}
