import type { LibsqlServer } from "../fakes/libsql-server.ts";
import { method } from "../fakes/sample-config.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** Where environments are managed. */
export const environmentsPath = "/api/v1/manage/environments";
const adminToken = "a".repeat(40);

/** Starts a node as in production, on a libSQL server. `more` are settings of its own. */
export function startNode(
  database: LibsqlServer,
  dataDir: string,
  more: Record<string, string> = {},
): Promise<ServerProcess> {
  return startServer(dataDir, {
    NODE_ENV: "production",
    DATABASE_URL: database.url,
    DATABASE_AUTH_TOKEN: database.authToken ?? "",
    SCRIP_MASTER_KEY: "m".repeat(40),
    SCRIP_ADMIN_TOKEN: adminToken,
    PUBLIC_URL: "https://offers.example.com",
    ...more,
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member, and a wrong shape fails there
export type NodeAnswer = { status: number; body: any; retryAfter: string | null };

/** Asks a node with a key. */
export async function askNode(url: string, key: string, verb: string, path: string, body?: unknown) {
  const response = await fetch(url + path, {
    method: verb,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: NodeAnswer = {
    status: response.status,
    body: JSON.parse((await response.text()) || "null"),
    retryAfter: response.headers.get("retry-after"),
  };
  return answer;
}

/** Asks as an operator, and it must go well. */
export async function manageNode(url: string, verb: string, path: string, body?: unknown) {
  const answer = await askNode(url, adminToken, verb, path, body);
  if (answer.status >= 300) throw new Error(JSON.stringify(answer));
  return answer.body;
}

/** Makes the environment `env_live` with `freeOffers`, and gives a secret key of it. */
export async function openFreeShop(url: string): Promise<string> {
  await manageNode(url, "POST", environmentsPath, { id: "env_live", name: "Live" });
  await manageNode(url, "PUT", `${environmentsPath}/env_live/config`, freeOffers("First"));
  return (await manageNode(url, "POST", `${environmentsPath}/env_live/keys`, { kind: "sk", label: "site" })).key;
}

/**
 * Free plans, so that a redemption grants and needs no Stripe: one for everybody with a title to change, one for seven, and
 * one whose workflow takes its time.
 */
export function freeOffers(title: string) {
  const slow = `export default async () => {
    await new Promise((resolve) => setTimeout(resolve, 700));
    return { success: true, message: "yours" };
  };`;
  const offers = [
    offer("open", "instant", title, {}),
    offer("limited", "instant", "Seven", { total: 7 }),
    offer("slow", "slow", "Slow", {}),
  ];
  return {
    products: [{ slug: "digital", name: "Digital" }],
    plans: [{ slug: "free", name: "Free", products: ["digital"], duration: null, price: null }],
    redemptionMethods: [
      method("instant", `export default async () => ({ success: true, message: "yours" });`),
      method("slow", slow),
    ],
    offers,
    experiences: offers.map(({ slug }) => ({ slug, type: "html", html: slug, offers: [slug] })),
    surfaces: offers.map(({ slug }) => ({
      slug,
      components: [{ slug: "gate", slots: [{ key: "offer", experience: slug }] }],
    })),
    budgets: { wallMs: 2000 },
  };
}

function offer(slug: string, methodSlug: string, title: string, limits: Record<string, number>) {
  return { slug, name: slug, method: methodSlug, plans: ["free"], presentation: { title }, redemption: {}, limits };
}

/** Whose entitlements there are, one identifier for each, so that what was granted twice is here twice. */
export async function holdersAmong(url: string, prefix: string): Promise<string[]> {
  const all: string[] = [];
  for (let cursor = ""; ; ) {
    const page = await manageNode(url, "GET", `${environmentsPath}/env_live/entitlements?limit=100${cursor}`);
    all.push(...page.entitlements.map(({ identifier }: { identifier: string }) => identifier));
    if (page.next === null) return all.filter((identifier) => identifier.startsWith(prefix)).toSorted();
    cursor = `&cursor=${page.next}`;
  }
}
