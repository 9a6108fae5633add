import { isRecord, pause } from "./page.ts";

/** The server that the client asks. `key` is null where the page named none that can be used. */
export type Server = { baseUrl: string; key: string | null };

/** An answer of the server. `status` 0: there was none, or none that can be read. */
export type Answer = { ok: true; body: Record<string, unknown> } | Refusal;

/** A refusal: `code` is the server's word, `network_error` or `missing_key`. `retryAfterMs` is 0 where none is said. */
export type Refusal = {
  ok: false;
  status: number;
  retryAfterMs: number;
  code: string;
  message: string;
  body: Record<string, unknown>;
};

const timeoutMs = 20_000;

/** What somebody in between says, such as a proxy's own page, is no answer of the server. */
const unreadable = refusal(0, "network_error", "The answer cannot be read");

/** What somebody who has pressed a button may be kept waiting for. */
const shortMs = 5000;

/** Asks the server, and once more where it has too many requests and says that it soon has not. Never rejects. */
export async function ask(server: Server, path: string, body: object): Promise<Answer> {
  const answer = await askOnce(server, path, body);
  if (answer.ok || answer.status !== 429 || !answer.retryAfterMs || answer.retryAfterMs > shortMs) return answer;
  await pause(answer.retryAfterMs);
  return askOnce(server, path, body);
}

async function askOnce(server: Server, path: string, body: object): Promise<Answer> {
  if (server.key === null) return refusal(400, "missing_key", "The page names no public key");
  try {
    const response = await fetch(`${server.baseUrl}/api/v1/${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${server.key}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      // a member who signs out and leaves is signed out
      keepalive: path === "members/logout",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer: unknown = await response.json();
    if (!isRecord(answer)) return unreadable;
    if (response.ok && answer.status === "success") return { ok: true, body: answer };
    const { code, message } = answer;
    if (typeof code !== "string") return unreadable;
    const refused = refusal(response.status, code, typeof message === "string" ? message : "", answer);
    return { ...refused, retryAfterMs: Number(response.headers.get("retry-after")) * 1000 || 0 };
  } catch (fault) {
    return refusal(0, "network_error", fault instanceof Error ? fault.message : "");
  }
}

/** Whether the same question may be answered a moment later. */
export function isPassing({ status }: Refusal): boolean {
  return status === 0 || status === 429 || status >= 500;
}

function refusal(status: number, code: string, message: string, body: Record<string, unknown> = {}): Refusal {
  return { ok: false, status, retryAfterMs: 0, code, message, body };
}
