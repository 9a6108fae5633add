import { withoutSecrets } from "../masking.ts";
import { retryAfterMs } from "./backoff.ts";

/** How an attempt fails: a closed list. `refused` is an answer that is not 2xx; `withdrawn` was not sent at all. */
export const attemptErrors = [
  "timeout",
  "private_address",
  "unknown_name",
  "tls",
  "unreachable",
  "refused",
  "withdrawn",
] as const;
export type AttemptError = (typeof attemptErrors)[number];

/** How an attempt went. `status` is null where no answer came, `error` where it was 2xx; `said` is how its body begins. */
export type AttemptResult = {
  status: number | null;
  error: AttemptError | null;
  said: string;
  retryAfterMs: number | null;
  durationMs: number;
};

/** What is sent, and the secrets that must not be kept of an answer that repeats them. */
export type Delivery = { url: string; headers: Record<string, string>; body: string; secrets: readonly string[] };

const timeoutMs = 10_000;
const mostResponseBytes = 4096;
const mostSaidChars = 200;

/**
 * Sends once, to public addresses only (`publicFetch` sees to that), follows no redirect, waits ten seconds at most and
 * reads no more than 4 KiB. Never throws.
 */
export async function send(
  { publicFetch, now }: { publicFetch: typeof fetch; now: () => number },
  { url, headers, body, secrets }: Delivery,
): Promise<AttemptResult> {
  const begunMs = performance.now();
  const duration = () => Math.round(performance.now() - begunMs);
  try {
    const response = await publicFetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json", "user-agent": "scrip-webhooks" },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await beginning(response);
    return {
      status: response.status,
      error: response.ok ? null : "refused",
      said: response.ok ? "" : shown(text, secrets),
      retryAfterMs: retryAfterMs(response.headers.get("retry-after"), now()),
      durationMs: duration(),
    };
  } catch (error) {
    return { status: null, error: errorWord(error), said: "", retryAfterMs: null, durationMs: duration() };
  }
}

/** The status has been said: a body that breaks off or does not end takes nothing back. */
async function beginning(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      bytes += chunk.byteLength;
      if (bytes >= mostResponseBytes) break;
    }
  } catch {
    return text;
  }
  return text;
}

/** Masked before it is cut, or half a secret would stay. */
function shown(text: string, secrets: readonly string[]): string {
  const spelled = secrets.flatMap((secret) => [secret, secret.replace("whsec_", "")]);
  const clean = withoutSecrets(text, spelled).replaceAll(/[\p{Cc}\s]+/gu, " ");
  return clean.trim().slice(0, mostSaidChars).toWellFormed();
}

const wordOfCode: Record<string, AttemptError> = {
  ENOTFOUND: "unknown_name",
  EAI_AGAIN: "unknown_name",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
};

/** `fetch` hides what went wrong in the causes of its error. */
function errorWord(error: unknown): AttemptError {
  if (!(error instanceof Error)) return "unreachable";
  if (error.name === "TimeoutError") return "timeout";
  if (error.message.endsWith("is not a public address")) return "private_address";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (/CERT|TLS|SSL/.test(code)) return "tls";
  return wordOfCode[code] ?? (error.cause === undefined ? "unreachable" : errorWord(error.cause));
}
