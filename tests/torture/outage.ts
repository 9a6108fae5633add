import { type LibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import {
  askNode,
  environmentsPath,
  holdersAmong,
  manageNode,
  openFreeShop,
  startNode,
} from "../runtime/production-node.ts";
import { temporaryFolder } from "../runtime/server-process.ts";

/** How long the database is away, and how: dead, or there and silent. */
export type OutageOptions = { awayMs: number; how: "kill" | "pause"; say(line: string): void };

/** How often each answer was given, and the slowest of them, before, during and after the outage. */
export type Phase = Record<string, { count: number; slowestMs: number }>;

/** What was found. Everything in `wrong` is a fault. */
export type OutageReport = { phases: Record<"before" | "away" | "after", Phase>; recoveredMs: number; wrong: string[] };

const calmMs = 2000;

/**
 * A node under load whose libSQL server goes away for a while: decisions about visitors, access checks of somebody who has
 * access and of somebody who lost it, and redemptions, each repeated until it is done. Then compares what was promised with
 * what is there.
 */
export async function outage(options: OutageOptions): Promise<OutageReport> {
  const database = await startLibsqlServer();
  const folder = await temporaryFolder();
  const node = await startNode(database, folder.path).catch(async (error: unknown) => {
    await database.stop();
    throw error;
  });
  try {
    const key = await openFreeShop(node.url);
    await prepare(node.url);
    return await run(options, { database, url: node.url, key });
  } finally {
    await node.end("SIGKILL");
    await folder.remove();
    await database.stop();
  }
}

async function prepare(url: string): Promise<void> {
  const entitlements = `${environmentsPath}/env_live/entitlements`;
  for (const identifier of ["holder", "former"]) {
    const grant = { identifier, product: "digital", reason: "for the test" };
    const { entitlement } = await manageNode(url, "POST", entitlements, grant);
    if (identifier === "holder") continue;
    await manageNode(url, "POST", `${entitlements}/${entitlement.id}/revoke`, { reason: "for the test" });
  }
}

type Target = { database: LibsqlServer; url: string; key: string };

async function run({ awayMs, how, say }: OutageOptions, target: Target): Promise<OutageReport> {
  const { database } = target;
  const phases: OutageReport["phases"] = { before: {}, away: {}, after: {} };
  const wrong = new Set<string>();
  const redeemed: string[] = [];
  let phase: keyof typeof phases = "before";
  let stop = false;
  const note = (what: string, startedMs: number, during: keyof typeof phases) => {
    const { count, slowestMs } = phases[during][what] ?? { count: 0, slowestMs: 0 };
    const tookMs = Math.round(performance.now() - startedMs);
    phases[during][what] = { count: count + 1, slowestMs: Math.max(slowestMs, tookMs) };
  };
  const send = async (name: string, path: string, body: unknown) => {
    const [startedMs, during] = [performance.now(), phase];
    const answer = await askNode(target.url, target.key, "POST", path, body);
    note(`${name} ${answer.status}${answer.body.code === undefined ? "" : ` ${answer.body.code}`}`, startedMs, during);
    if (answer.status >= 500 && answer.body.code !== "storage_unavailable") wrong.add(`${name} ${answer.body.code}`);
    if (answer.status === 503 && answer.retryAfter === null) wrong.add(`${name} 503 without Retry-After`);
    return answer;
  };
  const decide = async (userIdentifier: string) => {
    const answer = await send("decision", "/api/v1/surface-decisions", {
      surfaceSlug: "open",
      identity: { userIdentifier },
    });
    if (answer.status !== 200 || answer.body.offers.length !== 1) wrong.add(`decision ${JSON.stringify(answer)}`);
    return answer.body.offers?.[0]?.token;
  };
  const checkAccess = async (userIdentifier: string, isRight: boolean) => {
    const body = { identity: { userIdentifier }, products: ["digital"] };
    const answer = await send("access check", "/api/v1/access-checks", body);
    if (answer.status === 200 && answer.body.access.digital !== isRight) wrong.add(`${userIdentifier}: wrong access`);
    if (answer.status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const redeem = async (userIdentifier: string) => {
    const offerToken = await decide(userIdentifier);
    for (;;) {
      const answer = await send("redemption", "/api/v1/offer-redemptions", {
        identity: { userIdentifier },
        offerToken,
      });
      // one whose answer was lost is done all the same
      if (answer.status === 200 || answer.body.code === "already_redeemed") break;
      if (answer.status !== 503) {
        wrong.add(`redemption ${JSON.stringify(answer)}`);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    redeemed.push(userIdentifier);
  };
  const loop = async (work: (i: number) => Promise<void>) => {
    for (let i = 0; !stop; i++) await work(i);
  };
  const load = Promise.all([
    ...Array.from({ length: 4 }, (_, n) => loop(async (i) => void (await decide(`visitor-${n}-${i}`)))),
    ...Array.from({ length: 8 }, (_, n) => loop((i) => redeem(`redeemer-${n}-${i}`))),
    loop(() => checkAccess("holder", true)),
    loop(() => checkAccess("former", false)),
  ]);
  const rest = (ms: number) => Promise.race([new Promise((resolve) => setTimeout(resolve, ms)), load]);
  await rest(calmMs);
  phase = "away";
  say(`the database server goes away (${how})`);
  if (how === "kill") await database.kill();
  else database.pause();
  await rest(awayMs);
  const backMs = performance.now();
  if (how === "kill") await database.restart();
  else database.resume();
  phase = "after";
  const before = redeemed.length;
  while (redeemed.length === before && performance.now() < backMs + 30_000) await rest(20);
  const recoveredMs = Math.round(performance.now() - backMs);
  say(`the first redemption after it is back is done in ${recoveredMs} ms`);
  await rest(calmMs);
  stop = true;
  await load;
  const held = await holdersAmong(target.url, "redeemer-");
  if (JSON.stringify(held) !== JSON.stringify(redeemed.toSorted())) {
    wrong.add(`${redeemed.length} redeemed, ${held.length} entitlements of ${new Set(held).size} people`);
  }
  return { phases, recoveredMs, wrong: [...wrong] };
}
