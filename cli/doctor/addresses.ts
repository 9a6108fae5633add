import * as v from "valibot";
import { localUrl, type Settings } from "../../api/config.ts";
import type { Terminal } from "../terminal.ts";
import { type Checked, type Finding, find } from "./findings.ts";

const waitMs = 5000;
const Ready = v.object({ database: v.boolean(), sandbox: v.boolean() });
const Health = v.object({ status: v.literal("ok") });

/** Whether the server answers where it listens, and at the address that browsers use. */
export async function checkAddresses(
  terminal: Terminal,
  settings: Settings,
): Promise<{ checked: Checked; serverAnswers: boolean }> {
  const local = localUrl(settings);
  const ready = await ask(terminal, `${local}/readyz`);
  const known = v.safeParse(Ready, ready?.body);
  const findings: Finding[] = [];
  if (!known.success) findings.push(find("server_silent", `No Scrip answers at ${local}`));
  else if (ready?.status !== 200) {
    const { database, sandbox } = known.output;
    const without = [...(database ? [] : ["the database"]), ...(sandbox ? [] : ["a free place in the sandbox"])];
    findings.push(find("server_unready", `The server at ${local} is without ${without.join(" and ")}`));
  }
  findings.push(...(await publicFindings(terminal, settings.publicUrl)));
  const seen = settings.publicUrl === null ? local : `${local}, ${settings.publicUrl}`;
  return { checked: { about: "addresses", seen, findings }, serverAnswers: known.success };
}

async function publicFindings(terminal: Terminal, publicUrl: string | null): Promise<Finding[]> {
  if (publicUrl === null) return [];
  const { protocol, hostname } = new URL(publicUrl);
  const isPlain = protocol === "http:" && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  const answer = await ask(terminal, `${publicUrl.replace(/\/+$/, "")}/healthz`);
  return [
    ...(isPlain ? [find("public_url_plain", `${publicUrl} is not encrypted`)] : []),
    ...(v.is(Health, answer?.body) ? [] : [find("public_url_silent", `No Scrip answers at ${publicUrl} from here`)]),
  ];
}

async function ask({ fetch }: Terminal, url: string): Promise<{ status: number; body: unknown } | null> {
  return fetch(url, { signal: AbortSignal.timeout(waitMs), redirect: "manual" }).then(
    async (response) => ({ status: response.status, body: await response.json().catch(() => null) }),
    () => null,
  );
}
