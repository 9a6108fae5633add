import { asc, isNull, lte } from "drizzle-orm";
import * as v from "valibot";
import { JsonObject } from "../schemas/json.ts";
import { memberKeys } from "../schemas/sales-tables.ts";
import { randomText } from "./digest.ts";
import type { Storage } from "./storage.ts";
import { throttledLook } from "./throttled-look.ts";
import type { Vault } from "./vault.ts";

/** A key of member JWTs in memory; its private half cannot be exported. Times in milliseconds since the epoch. */
export type MemberKey = {
  kid: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  publicJwk: JsonObject;
  signsFrom: number;
  publishedUntil: number | null;
};

/** The keys of this server, the same for all processes of a database and for all environments. */
export type MemberKeys = {
  /** The key that signs now. Makes the first one. */
  signing(): Promise<MemberKey>;
  /** The key of a `kid` while it is published; one that another process has just made is found too. */
  verifying(kid: string): Promise<MemberKey | undefined>;
  /** The public halves of all that sign, will sign, or signed what may still be good. Makes the first one. */
  published(): Promise<JsonObject[]>;
  /** Makes a key that is published at once and signs from `signsFrom`. Those before it stay while they are needed. */
  rotate(): Promise<{ kid: string; signsFrom: number }>;
  /** Reads what other processes made. Call it about once a second. */
  refresh(): Promise<void>;
};

/** The longest that a member JWT is good. */
export const memberJwtLifeMs = 15 * 60_000;

/** Verifiers may keep the published keys for 5 minutes: a key must have been published for as long before it signs. */
export const publishedAheadMs = 5 * 60_000;

/** Clocks of two servers may be this far apart. */
const clockSkewMs = 60_000;

/** A process that has not looked for this long looks before it signs or verifies: another key may be in force. */
const staleAfterMs = 60_000;

/** What `createMemberKeys` needs of the engine. */
export type MemberKeyParts = {
  storage: Storage;
  vault: Vault;
  now: () => number;
  onFault: (fault: unknown, what: string) => void;
};

/** The keys as of the latest look, oldest first. Looks are numbered as they are begun. */
export type MemberKeyMemory = { keys: readonly MemberKey[]; readAtMs: number; asked: number; answered: number };

/** A memory in which no key is yet. */
export function createMemberKeyMemory(): MemberKeyMemory {
  return { keys: [], readAtMs: Number.NEGATIVE_INFINITY, asked: 0, answered: 0 };
}

/** Keeps the keys in memory as they stand in the database, the private halves sealed. Nothing is read before its first use. */
export function createMemberKeys(parts: MemberKeyParts, kept = createMemberKeyMemory()): MemberKeys {
  const { storage, now, onFault } = parts;
  const memory = createMemory(parts, kept);
  const signing = async (): Promise<MemberKey> => {
    await memory.fresh();
    const found = inForce(memory.keys(), now());
    if (found !== undefined) return found;
    await makeFirst(parts);
    await memory.refresh();
    const made = inForce(memory.keys(), now());
    if (made === undefined) throw new Error("no key signs member JWTs");
    return made;
  };
  const findPublished = (kid: string) =>
    memory.keys().find((key) => key.kid === kid && (key.publishedUntil === null || key.publishedUntil > now()));
  return {
    signing,
    async verifying(kid) {
      await memory.fresh();
      if (!memory.keys().some((key) => key.kid === kid)) await memory.recheck();
      return findPublished(kid);
    },
    async published() {
      // who keeps an answer for 5 minutes must have got a new key with it from every process
      await memory.refresh().catch((fault: unknown) => {
        if (memory.keys().length === 0) throw fault;
        onFault(fault, "the published member keys are those of memory");
      });
      if (memory.keys().length === 0) await signing();
      return memory.keys().flatMap(({ kid, publicJwk }) => (findPublished(kid) === undefined ? [] : [publicJwk]));
    },
    async rotate() {
      const made = await rotated(storage, await newKey(parts), now);
      await memory.refresh();
      return made;
    },
    refresh: memory.refresh,
  };
}

/** The newest whose time has come; a process whose clock is behind signs with the oldest rather than not at all. */
function inForce(keys: readonly MemberKey[], nowMs: number): MemberKey | undefined {
  return keys.findLast(({ signsFrom }) => signsFrom <= nowMs) ?? keys[0];
}

function createMemory({ storage, vault, now }: MemberKeyParts, kept: MemberKeyMemory) {
  const refresh = async () => {
    const askedAtMs = now();
    kept.asked++;
    const turn = kept.asked;
    const rows = await storage.db.select().from(memberKeys).orderBy(asc(memberKeys.signsFrom));
    const opened = await Promise.all(
      rows.map((row) =>
        openKey(
          vault,
          row,
          kept.keys.find(({ kid }) => kid === row.kid),
        ),
      ),
    );
    // an answer that was overtaken by a later question is older than what is here
    if (turn < kept.answered) return;
    kept.answered = turn;
    kept.keys = opened;
    kept.readAtMs = askedAtMs;
  };
  return {
    keys: () => kept.keys,
    refresh,
    fresh: async () => {
      if (now() - kept.readAtMs >= staleAfterMs) await refresh();
    },
    /** Where a kid is not known. */
    recheck: throttledLook(refresh),
  };
}

/** Two servers that start at once: whoever comes second finds the first one's key and makes none. */
async function makeFirst(parts: MemberKeyParts): Promise<void> {
  const key = await newKey(parts);
  await parts.storage.write(async (tx) => {
    const [there] = await tx.select().from(memberKeys).where(isNull(memberKeys.publishedUntil)).limit(1);
    if (there === undefined) await tx.insert(memberKeys).values({ ...key, signsFrom: key.createdAt });
  });
}

async function rotated(storage: Storage, key: NewKey, now: () => number) {
  const signsFrom = await storage.write(async (tx) => {
    const nowMs = now();
    const rows = await tx.select().from(memberKeys).orderBy(asc(memberKeys.signsFrom));
    const newest = rows.at(-1)?.signsFrom;
    // nobody can have kept an earlier set of keys where there was none
    const from = newest === undefined ? nowMs : Math.max(nowMs + publishedAheadMs, newest + 1);
    const publishedUntil = from + memberJwtLifeMs + clockSkewMs;
    await tx.update(memberKeys).set({ publishedUntil }).where(isNull(memberKeys.publishedUntil));
    await tx.delete(memberKeys).where(lte(memberKeys.publishedUntil, nowMs));
    await tx.insert(memberKeys).values({ ...key, signsFrom: from });
    return from;
  });
  return { kid: key.kid, signsFrom };
}

type NewKey = Omit<typeof memberKeys.$inferInsert, "signsFrom" | "publishedUntil">;

const algorithm = { name: "ECDSA", namedCurve: "P-256" };
const PublicParts = v.object({ kty: v.literal("EC"), crv: v.literal("P-256"), x: v.string(), y: v.string() });
const PrivateParts = v.object({ ...PublicParts.entries, d: v.string() });

/** A key pair for ES256 (RFC 7518 §3.4), its private half sealed. */
async function newKey({ vault, now }: MemberKeyParts): Promise<NewKey> {
  const kid = `m_${randomText(12)}`;
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const parts = v.parse(PrivateParts, await crypto.subtle.exportKey("jwk", privateKey));
  const { d: _private, ...open } = parts;
  return {
    kid,
    privateJwkSealed: await vault.seal(JSON.stringify(parts), `member-key:${kid}`),
    publicJwk: { ...open, kid, alg: "ES256", use: "sig" },
    createdAt: now(),
  };
}

async function openKey(
  vault: Vault,
  row: typeof memberKeys.$inferSelect,
  known: MemberKey | undefined,
): Promise<MemberKey> {
  const { kid, signsFrom, publishedUntil } = row;
  if (known !== undefined) return { ...known, signsFrom, publishedUntil };
  const sealed = await vault.open(row.privateJwkSealed, `member-key:${kid}`);
  const parts = v.parse(PrivateParts, JSON.parse(sealed));
  const { d: _private, ...open } = parts;
  return {
    kid,
    privateKey: await crypto.subtle.importKey("jwk", parts, algorithm, false, ["sign"]),
    publicKey: await crypto.subtle.importKey("jwk", open, algorithm, true, ["verify"]),
    publicJwk: v.parse(JsonObject, row.publicJwk),
    signsFrom,
    publishedUntil,
  };
}
