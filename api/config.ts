import * as v from "valibot";
import { readTrustedProxies } from "./client-address.ts";

const Port = v.pipe(v.string(), v.regex(/^\d{1,5}$/, "must be a port number"), v.transform(Number), v.maxValue(65_535));
const Secret = v.pipe(v.string(), v.minLength(32, "must be at least 32 characters, and random"));
const Text = v.pipe(v.string(), v.minLength(1));
const Rate = v.pipe(v.string(), v.regex(/^\d{1,9}$/, "must be a whole number, 0 for no limit"), v.transform(Number));
const TrustedProxies = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const read = readTrustedProxies(dataset.value);
    if (read !== null) return read;
    addIssue({ message: "must be none, private, a number of proxies, or addresses and ranges such as 10.0.0.0/8" });
    return NEVER;
  }),
);

function wholeNumber(min: number, max: number) {
  const isWithin = (text: string) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max;
  return v.pipe(v.string(), v.check(isWithin, `must be a number from ${min} to ${max}`), v.transform(Number));
}

/** What the environment variables say. Every name is documented in `docs/configuration.md`. */
const Settings = v.pipe(
  v.object({
    NODE_ENV: v.optional(v.string(), "development"),
    HOST: v.optional(Text, "127.0.0.1"),
    PORT: v.optional(Port, "8787"),
    DATA_DIR: v.optional(Text, "./data"),
    DATABASE_URL: v.optional(
      v.pipe(
        v.string(),
        v.check(isDatabaseUrl, "must be a URL such as libsql://db.example.com, http://… or file:/data/scrip.db"),
      ),
    ),
    DATABASE_AUTH_TOKEN: v.optional(Text),
    PUBLIC_URL: v.optional(
      v.pipe(v.string(), v.check(isWebAddress, "must be a URL such as https://offers.example.com")),
    ),
    STRIPE_SECRET_KEY: v.optional(
      v.pipe(v.string(), v.regex(/^[sr]k_\w+$/, "must be a Stripe secret or restricted key")),
    ),
    STRIPE_WEBHOOK_SECRET: v.optional(
      v.pipe(v.string(), v.regex(/^whsec_\w+$/, "must be a signing secret of Stripe's webhooks (whsec_…)")),
    ),
    STRIPE_API_URL: v.optional(v.pipe(v.string(), v.url("must be a URL such as http://127.0.0.1:8788"))),
    CLIENT_PUBLIC_KEY: v.optional(v.pipe(v.string(), v.regex(/^pk_\w+$/, "must be a public key (pk_…)"))),
    SCRIP_MASTER_KEY: v.optional(Secret),
    SCRIP_ADMIN_TOKEN: v.optional(Secret),
    SANDBOX_PROCESSES: v.optional(wholeNumber(1, 99)),
    SANDBOX_MAX_WALL_MS: v.optional(wholeNumber(50, 60_000), "60000"),
    SANDBOX_MAX_CPU_MS: v.optional(wholeNumber(10, 10_000), "10000"),
    SANDBOX_MAX_MEMORY_MIB: v.optional(wholeNumber(8, 128), "128"),
    SANDBOX_MAX_OUTBOUND_CALLS: v.optional(wholeNumber(0, 200), "200"),
    RATE_LIMIT_KEY: v.optional(Rate, "5000"),
    RATE_LIMIT_ADDRESS: v.optional(Rate, "300"),
    RATE_LIMIT_FAILURES: v.optional(Rate, "60"),
    TRUSTED_PROXIES: v.optional(TrustedProxies, "private"),
    DRAIN_SECONDS: v.optional(wholeNumber(1, 600), "30"),
    METRICS_TOKEN: v.optional(Secret),
    LOG_LEVEL: v.optional(v.picklist(["debug", "info", "warn", "error", "silent"]), "info"),
  }),
  v.transform((env) => ({
    production: env.NODE_ENV === "production",
    host: env.HOST,
    port: env.PORT,
    dataDir: env.DATA_DIR,
    databaseUrl: env.DATABASE_URL ?? null,
    databaseAuthToken: env.DATABASE_AUTH_TOKEN ?? null,
    publicUrl: env.PUBLIC_URL ?? null,
    stripeSecretKey: env.STRIPE_SECRET_KEY ?? null,
    stripeWebhookSecret: env.STRIPE_WEBHOOK_SECRET ?? null,
    stripeApiUrl: env.STRIPE_API_URL ?? null,
    clientPublicKey: env.CLIENT_PUBLIC_KEY ?? null,
    masterKey: env.SCRIP_MASTER_KEY ?? null,
    adminToken: env.SCRIP_ADMIN_TOKEN ?? null,
    sandboxProcesses: env.SANDBOX_PROCESSES ?? null,
    budgetMaxima: {
      wallMs: env.SANDBOX_MAX_WALL_MS,
      cpuMs: env.SANDBOX_MAX_CPU_MS,
      memoryBytes: env.SANDBOX_MAX_MEMORY_MIB << 20,
      outboundCalls: env.SANDBOX_MAX_OUTBOUND_CALLS,
    },
    drainMs: env.DRAIN_SECONDS * 1000,
    metricsToken: env.METRICS_TOKEN ?? null,
    rateLimits: {
      keyPerSecond: env.RATE_LIMIT_KEY,
      addressPerMinute: env.RATE_LIMIT_ADDRESS,
      failuresPerMinute: env.RATE_LIMIT_FAILURES,
    },
    trustedProxies: env.TRUSTED_PROXIES,
    logLevel: env.LOG_LEVEL,
  })),
);
export type Settings = v.InferOutput<typeof Settings>;

/** Settings, or what is wrong with them: a line for each variable. */
export type SettingsResult = { ok: true; settings: Settings } | { ok: false; problems: string[] };

/** Reads the settings once. An empty variable counts as not set. */
export function readSettings(env: Record<string, string | undefined>): SettingsResult {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = v.safeParse(Settings, given);
  if (!parsed.success) {
    return { ok: false, problems: parsed.issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`) };
  }
  const problems = parsed.output.production ? productionProblems(parsed.output) : [];
  return problems.length === 0 ? { ok: true, settings: parsed.output } : { ok: false, problems };
}

/** Where this machine reaches the server, whatever address browsers use. */
export function localUrl({ host, port }: Settings): string {
  const reached = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const name = reached.includes(":") ? `[${reached}]` : reached;
  return `http://${name}:${port}`;
}

function isDatabaseUrl(text: string): boolean {
  return URL.canParse(text) && /^(file|libsql|https?|wss?):$/.test(new URL(text).protocol);
}

/** Buyers are sent back to it, and it is the `iss` of member JWTs: paths are put behind it. */
function isWebAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
}

/** What production needs and a laptop does not. */
function productionProblems(settings: Settings): string[] {
  const problems: string[] = [];
  if (settings.masterKey === null) {
    problems.push(
      "SCRIP_MASTER_KEY is missing: it seals stored secrets; make one with `openssl rand -base64 48` and keep it",
    );
  }
  if (settings.adminToken === null) {
    problems.push("SCRIP_ADMIN_TOKEN is missing: it opens the management API; make one with `openssl rand -hex 32`");
  }
  if (settings.stripeApiUrl !== null) {
    problems.push(
      "STRIPE_API_URL is set: a stand-in for Stripe believes every card; production talks to Stripe itself",
    );
  }
  if (settings.publicUrl === null) {
    problems.push("PUBLIC_URL is missing: the address that buyers' browsers reach this server at");
  }
  return problems;
}
