import type { ErrorCode } from "../schemas/error-codes.ts";
import { randomText } from "./digest.ts";
import { ScripError } from "./error.ts";
import { createLimit, createLimitMemory, type Limit, type LimitMemory } from "./rate-limits/limit.ts";
import { createNoticeMemory, createNotices, type NoticeMemory } from "./rate-limits/notices.ts";
import { countsOfOthers, deleteCounts, writeCounts } from "./rate-limits/shared-counts.ts";
import type { Storage } from "./storage.ts";

/**
 * What is limited: `key`, the requests of an API key; of a browser's address `reads`, what only answers, and `actions`,
 * what begins, ends or pays for something; `failures`, the wrong keys, tokens and signatures of an address.
 */
export const limitNames = ["key", "reads", "actions", "failures"] as const;
export type LimitName = (typeof limitNames)[number];

/** How much is allowed. 0: as much as anybody likes. */
export type RateLimitSettings = { keyPerSecond: number; addressPerMinute: number; failuresPerMinute: number };

/** Far above what visitors and sites do by themselves. */
export const defaultRateLimits: RateLimitSettings = {
  keyPerSecond: 5000,
  addressPerMinute: 300,
  failuresPerMinute: 60,
};

/**
 * The rate limits of one process, counted in its memory. `sync` makes them hold over all processes on a database: by then
 * each has heard what the others counted.
 */
export type RateLimits = {
  /** Counts one more of a subject, or nothing where it is null. Throws `rate_limited` when that is one too many. */
  take(name: LimitName, subject: string | null): Promise<void>;
  /**
   * Does what a guesser might try, unless the subject has failed too often. It counts as failed while it is under way, so
   * that a thousand guesses at once are no more than one after another; then only where it throws one of `codes`. Throws
   * `rate_limited`, and whatever the work does.
   */
  attempt<T>(subject: string | null, codes: readonly ErrorCode[], work: () => Promise<T>): Promise<T>;
  /** Tells other processes what was counted here, and hears of them. Call it about once a second. */
  sync(): Promise<void>;
  /** How many were refused since the start, by limit. */
  readonly refused: Readonly<Record<LimitName, number>>;
};

/** What `createRateLimits` needs of the engine. */
export type RateLimitParts = {
  storage: Storage;
  now: () => number;
  rateLimits?: Partial<RateLimitSettings>;
  onNotice?: (notice: string) => void;
};

/** What was counted, and who was told of it: values alone, nothing that is under way, so that it may outlive who counted. */
export type RateLimitMemory = {
  /** The name that other processes know these counts by. */
  node: string;
  windows: Record<LimitName, LimitMemory>;
  refused: Record<LimitName, number>;
  notices: NoticeMemory;
  cleanedAt: number;
};

/** A memory in which nothing is counted yet. */
export function createRateLimitMemory(): RateLimitMemory {
  return {
    node: randomText(12),
    windows: {
      key: createLimitMemory(),
      reads: createLimitMemory(),
      actions: createLimitMemory(),
      failures: createLimitMemory(),
    },
    refused: { key: 0, reads: 0, actions: 0, failures: 0 },
    notices: createNoticeMemory(),
    cleanedAt: Number.NEGATIVE_INFINITY,
  };
}

/** A turn writes no more than this: the rest is for the next. */
const mostTold = 1000;
const minuteMs = 60_000;

/** Makes the limits, with the defaults for what the parts leave out. */
export function createRateLimits(parts: RateLimitParts, memory: RateLimitMemory = createRateLimitMemory()): RateLimits {
  const { storage, now } = parts;
  const { node, refused } = memory;
  const limits = limitsOf({ ...defaultRateLimits, ...parts.rateLimits }, now, memory.windows);
  const notices = createNotices(parts, memory.notices);
  let underWay: Promise<void> | undefined;

  function refuse(name: LimitName, subject: string, waitMs: number): never {
    refused[name]++;
    notices.refused(name, subject);
    throw rateLimited(waitMs);
  }

  async function exchangeCounts(): Promise<void> {
    const untold = limitNames.flatMap((name) => limits[name]?.untold().map((one) => ({ name, ...one })) ?? []);
    const turn = untold.slice(0, mostTold);
    if (turn.length > 0) await writeCounts(storage, node, turn);
    for (const { told } of turn) told();
    const heard = await countsOfOthers(storage, node, now());
    for (const { name, endsAt, subject, count } of heard) {
      const known = limitNames.find((one) => one === name);
      if (known !== undefined) await limits[known]?.hear(endsAt, subject, count);
    }
    if (Math.abs(now() - memory.cleanedAt) < minuteMs) return;
    memory.cleanedAt = now();
    await deleteCounts(storage, now() - minuteMs);
  }

  return {
    refused,
    async take(name, subject) {
      const waitMs = subject === null ? 0 : await limits[name]?.take(subject);
      if (subject !== null && waitMs) refuse(name, subject, waitMs);
    },
    async attempt(subject, codes, work) {
      const limit = limits.failures;
      if (subject === null || limit === null) return work();
      const { waitMs, giveBack } = await limit.takeBackably(subject);
      if (waitMs > 0) {
        await giveBack();
        refuse("failures", subject, waitMs);
      }
      let failed = false;
      try {
        return await work();
      } catch (error) {
        failed = error instanceof ScripError && codes.includes(error.code);
        throw error;
      } finally {
        if (!failed) await giveBack();
      }
    },
    sync() {
      underWay ??= exchangeCounts().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}

/**
 * A key's second is counted over ten, so that other processes hear in time, and a short burst passes. Reading costs about a
 * tenth of acting.
 */
function limitsOf(
  { keyPerSecond, addressPerMinute, failuresPerMinute }: RateLimitSettings,
  now: () => number,
  windows: RateLimitMemory["windows"],
): Record<LimitName, Limit | null> {
  const limit = (name: LimitName, points: number, windowMs: number) =>
    points === 0 ? null : createLimit({ points, windowMs }, now, windows[name]);
  return {
    key: limit("key", keyPerSecond * 10, 10_000),
    reads: limit("reads", addressPerMinute * 10, minuteMs),
    actions: limit("actions", addressPerMinute, minuteMs),
    failures: limit("failures", failuresPerMinute, minuteMs),
  };
}

function rateLimited(waitMs: number): ScripError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new ScripError("rate_limited", `Too many requests: try again in ${retryAfterSeconds} s`, {
    retryAfterSeconds,
  });
}
