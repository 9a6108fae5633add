import { afterAll, beforeAll, expect, test } from "vitest";
import { type LibsqlServer, noLibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import {
  askNode,
  environmentsPath,
  freeOffers,
  holdersAmong,
  manageNode,
  openFreeShop,
  startNode,
} from "./production-node.ts";
import { type ServerProcess, temporaryFolder } from "./server-process.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
let database: LibsqlServer;
const nodes: ServerProcess[] = [];
let secretKey = "";

beforeAll(async () => {
  if (noLibsqlServer !== null) return;
  database = await startLibsqlServer({ auth: true });
  cleanUps.push(() => database.stop());
  nodes.push(...(await Promise.all([start(), start(), start()])));
  secretKey = await openFreeShop(nodes[0]?.url ?? "");
}, 60_000);
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

test.skipIf(noLibsqlServer !== null)(`nodes need a libSQL server: ${noLibsqlServer ?? "there is one"}`, () => {
  expect(nodes).toHaveLength(3);
});

test.skipIf(noLibsqlServer !== null)("three nodes that start at once on an empty server are all ready", async () => {
  // they listen before their sandbox processes are up
  const answers = await onAll(async (node) => {
    for (;;) {
      const answer = await ask(node, "GET", "/readyz");
      if (answer.status === 200) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  expect(answers.map(({ body }) => body)).toEqual(
    nodes.map(() => ({ status: "ready", database: true, sandbox: true })),
  );
});

test.skipIf(noLibsqlServer !== null)(
  "a key is known to the other nodes at once, and revoked within two seconds",
  async () => {
    const { id, key } = await made(1, "POST", `${environmentsPath}/env_live/keys`, { kind: "sk", label: "short" });
    const decide = (node: number) => ask(node, "POST", "/api/v1/surface-decisions", decision("open", "somebody"), key);
    expect((await onAll(decide)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await made(1, "DELETE", `${environmentsPath}/env_live/keys/${id}`);
    await seenByAll(async (node) => (await decide(node)).status === 401);
  },
);

test.skipIf(noLibsqlServer !== null)("a configuration is in force on all nodes within two seconds", async () => {
  const titleOn = async (node: number) => (await shown(node, "open", "somebody")).offers[0].presentation.title;
  await seenByAll(async (node) => (await titleOn(node)) === "First");
  await made(2, "PUT", `${environmentsPath}/env_live/config`, freeOffers("Second"));
  expect(await titleOn(2)).toBe("Second");
  await seenByAll(async (node) => (await titleOn(node)) === "Second");
  // a token that one node signs is good on the others
  const { token } = (await shown(0, "open", "traveller")).offers[0];
  expect((await redeem(1, "traveller", token)).status).toBe(200);
});

test.skipIf(noLibsqlServer !== null)(
  "access that one node gives and takes back is so at once where it is checked, and within two seconds where offers are shown",
  async () => {
    const checked = (node: number) =>
      ask(node, "POST", "/api/v1/access-checks", {
        identity: { userIdentifier: "reader@example.com" },
        products: ["digital"],
      });
    const access = async () => (await onAll(checked)).map(({ body }) => body.access.digital);
    const isCustomer = async (node: number) => (await shown(node, "open", "reader@example.com")).customer.hasProducts;
    expect(await access()).toEqual([false, false, false]);
    const { entitlement } = await made(0, "POST", `${environmentsPath}/env_live/entitlements`, {
      identifier: "reader@example.com",
      product: "digital",
      reason: "a gift",
    });
    expect(await access()).toEqual([true, true, true]);
    await seenByAll(isCustomer);
    const revoke = `${environmentsPath}/env_live/entitlements/${entitlement.id}/revoke`;
    await made(1, "POST", revoke, { reason: "a mistake" });
    expect(await access()).toEqual([false, false, false]);
    await seenByAll(async (node) => !(await isCustomer(node)));
  },
);

test.skipIf(noLibsqlServer !== null)("a new key of member JWTs is published by every node at once", async () => {
  const { kid } = await made(0, "POST", "/api/v1/manage/member-keys/rotate", {});
  const sets = await onAll((node) => ask(node, "GET", "/.well-known/jwks.json"));
  for (const { body } of sets) expect(body.keys.map((key: { kid: string }) => key.kid)).toContain(kid);
});

test.skipIf(noLibsqlServer !== null)("of sixty who race for seven places on three nodes seven have one", async () => {
  const people = Array.from({ length: 60 }, (_, i) => `racer-${i}@example.com`);
  const tokens = await Promise.all(people.map(async (who, i) => (await shown(i % 3, "limited", who)).offers[0].token));
  const answers = await Promise.all(people.map((who, i) => redeem((i + 1) % 3, who, tokens[i])));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(7);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(new Set(["409 limit_reached"]));
  expect(await holdersAmong(nodes[0]?.url ?? "", "racer-")).toHaveLength(7);
});

test.skipIf(noLibsqlServer !== null)("one token that is redeemed on all nodes at once is redeemed once", async () => {
  const { token } = (await shown(0, "slow", "twin@example.com")).offers[0];
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => redeem(i % 3, "twin@example.com", token)));
  // who waited on another node hears that it is done
  const given = answers.filter(({ status }) => status === 200);
  expect(new Set(given.map(({ body }) => body.eventId)).size).toBe(1);
  const others = answers.filter(({ status }) => status !== 200);
  expect(others.map(({ body }) => body.code)).toEqual(others.map(() => "already_redeemed"));
  expect(await holdersAmong(nodes[0]?.url ?? "", "twin@")).toHaveLength(1);
});

test.skipIf(noLibsqlServer !== null)(
  "what a killed node was redeeming is free after its lease, and nothing is there twice",
  async () => {
    const people = Array.from({ length: 15 }, (_, i) => `orphan-${i}@example.com`);
    const tokens = await Promise.all(people.map(async (who) => (await shown(0, "slow", who)).offers[0].token));
    const early = redeem(2, people[2] ?? "", tokens[2]).catch(() => null);
    // the workflow waits for 700 ms: when the first is answered the others are in the middle of it
    await new Promise((resolve) => setTimeout(resolve, 400));
    const first = people.map((who, i) => (i === 2 ? early : redeem(i % 3, who, tokens[i]).catch(() => null)));
    await early;
    await nodes[2]?.end("SIGKILL");
    const answers = await Promise.all(first);
    expect(answers.filter((_, i) => i % 3 !== 2).map((answer) => answer?.status)).toEqual(Array(10).fill(200));
    expect(answers.some((answer) => answer === null)).toBe(true);
    const again = await Promise.all(people.map((who, i) => redeem(i % 2, who, tokens[i])));
    // what was done is done, also where its answer was lost
    const words = again.map(({ status, body }) => body.code ?? status);
    expect(new Set(words)).toEqual(new Set([200, "already_redeemed"]));
    answers.forEach((answer, i) => {
      if (answer?.status === 200) expect(words[i]).toBe("already_redeemed");
    });
    expect(await holdersAmong(nodes[0]?.url ?? "", "orphan-")).toEqual(people.toSorted());
  },
  60_000,
);

async function start(): Promise<ServerProcess> {
  const folder = await temporaryFolder();
  cleanUps.push(folder.remove);
  const server = await startNode(database, folder.path);
  cleanUps.push(async () => server.child.exitCode ?? server.child.signalCode ?? server.end("SIGKILL"));
  return server;
}

function ask(node: number, verb: string, path: string, body?: unknown, key = secretKey) {
  return askNode(nodes[node]?.url ?? "", key, verb, path, body);
}

function made(node: number, verb: string, path: string, body?: unknown) {
  return manageNode(nodes[node]?.url ?? "", verb, path, body);
}

function onAll<T>(work: (node: number) => Promise<T>): Promise<T[]> {
  return Promise.all(nodes.map((_, node) => work(node)));
}

function decision(surfaceSlug: string, userIdentifier: string) {
  return { surfaceSlug, identity: { userIdentifier } };
}

async function shown(node: number, surface: string, who: string) {
  return (await ask(node, "POST", "/api/v1/surface-decisions", decision(surface, who))).body;
}

function redeem(node: number, userIdentifier: string, offerToken: string) {
  return ask(node, "POST", "/api/v1/offer-redemptions", { identity: { userIdentifier }, offerToken });
}

/** The promise of all nodes: what one changed the others know two seconds later. */
async function seenByAll(isSeen: (node: number) => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 2000;
  await onAll(async (node) => {
    while (!(await isSeen(node))) {
      if (performance.now() > untilMs) throw new Error(`node ${node} does not know it after two seconds`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}
