import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { compileWorkflow } from "../../engine/sandbox/esbuild-compiler.ts";
import type { SandboxModule } from "../../engine/sandbox.ts";
import type { Json } from "../../schemas/json.ts";

/** The compiled workflow that every contestant runs: a script that leaves its function in `globalThis.__workflow`. */
export function checkoutModule(): Promise<SandboxModule> {
  return moduleOf(join(import.meta.dirname, "checkout.wf.ts"));
}

/** The workflow that a new method begins with. */
export function templateModule(): Promise<SandboxModule> {
  return moduleOf(join(import.meta.dirname, "../../workflows/stripe-checkout.wf.ts"));
}

/** A workflow that asks with `fetch` and reads the answer's address with `URL`. */
export function platformModule(): Promise<SandboxModule> {
  return compiled(`export default async () => {
    const { url } = await (await fetch("https://api.example/sessions")).json();
    return new URL(url).pathname;
  };`);
}

async function moduleOf(file: string): Promise<SandboxModule> {
  return compiled(await readFile(file, "utf8"));
}

async function compiled(source: string): Promise<SandboxModule> {
  const compilation = await compileWorkflow(source);
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  const { script, codeHash } = compilation.workflow;
  return { script, codeHash };
}

/** The same workflow as code that nobody has seen before. */
export function variantOf({ script }: SandboxModule, name: string): SandboxModule {
  const text = `${script}//${name}`;
  return { script: text, codeHash: createHash("sha256").update(text).digest("hex") };
}

/** The workflow's argument for run `n`, less `utils`. No two runs have the same buyer. */
export function inputOf(n: number) {
  return {
    identity: { userType: "authenticated", identifier: `reader-${n}@example.com` },
    offer: {
      token: "an.offer.token",
      redemption: {
        accountId: "acct_1",
        instructions: {
          mode: "payment",
          currency: "gbp",
          line_items: [
            { price: "price_day", quantity: 1, unitAmount: 250 },
            { price: "price_month", quantity: 2, unitAmount: 995 },
          ],
        },
      },
    },
    context: { countryCode: "GB", isEUCountry: false, city: null, region: null, timezone: "Europe/London" },
    resource: {
      id: "article-17",
      meta: { "campaign-name": "spring", "campaign-medium": "mail", section: "politics" },
    },
    env: { SITE_URL: "https://news.example.com" },
  };
}

/** The host's answer to the one call: the address says whose session it is. Throws if the call is another. */
export function answerTo(args: unknown): {
  ok: true;
  status: number;
  headers: Json;
  body: { id: string; url: string };
} {
  const call = /"customer_email":"(reader-\d+)@.*"total":"22\.40 GBP"/.exec(JSON.stringify(args));
  if (!call) throw new Error(`the host was asked for something else: ${JSON.stringify(args)}`);
  const url = `https://checkout.example.com/${call[1]}`;
  return { ok: true, status: 200, headers: { "content-type": "application/json" }, body: { id: "cs_1", url } };
}

/** What a run returns that got this answer. */
export function resultOf({ body }: ReturnType<typeof answerTo>): unknown {
  return { success: true, action: "navigate", url: body.url, properties: { total: 2240, tags: 2 } };
}

/** Throws unless this is what run `n` has to return. */
export function checkResult(n: number, result: unknown): void {
  const url = `https://checkout.example.com/reader-${n}`;
  const expected = { success: true, action: "navigate", url, properties: { total: 2240, tags: 2 } };
  if (!isDeepStrictEqual(result, expected)) throw new Error(`run ${n} returned ${JSON.stringify(result)}`);
}
