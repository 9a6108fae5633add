/** What stands in an event where a secret stood. */
export const mask = "***";

/** Names that end in one of these words, however they are joined: `offerToken`, `X-API-Key`, `proxy-authorization`. */
const secretNames = /(jwt|token|cookies?|authorization|secret|secret[-_]?key|password|api[-_]?key|mos-key)$/i;

/** A JWS, and what follows `Bearer` or `Basic`, wherever it stands: also in URLs, logs and lists of headers. */
const credentials = /(?<![\w-])eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+|(?<=\b(?:Bearer|Basic) )[\w.~+/=-]{8,}/g;

/**
 * A value as JSON text with its secrets masked: members with a telling name, and every occurrence of `secrets` inside
 * any text. What is not JSON is dropped as `JSON.stringify` drops it.
 */
export function maskedText(value: unknown, secrets: readonly string[] = []): string {
  const text = JSON.stringify(value ?? null, (name, inner: unknown) =>
    secretNames.test(name) && inner !== null && inner !== undefined ? mask : inner,
  );
  return withoutSecrets(text.replace(credentials, mask), secrets);
}

/** A JSON text in which every occurrence of `secrets` is masked, also where it is percent-encoded or in base64. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  // one that contains another goes first, or its rest would stay
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) {
    // a very short one would mask half of what is there
    if (secret.length < 6) continue;
    for (const spelling of spellings(secret)) clean = clean.replaceAll(spelling, mask);
  }
  return clean;
}

function spellings(secret: string): string[] {
  if (/^[\w.-]+$/.test(secret)) return [secret, base64(secret)];
  return [asInJson(secret), encodeURIComponent(secret.toWellFormed()), base64(secret)];
}

/** The part that is the same whatever follows the secret, such as the colon of `Basic`. */
function base64(secret: string): string {
  const bytes = new TextEncoder().encode(secret);
  return bytes.subarray(0, bytes.length - (bytes.length % 3)).toBase64();
}

/** A text as it stands inside a JSON text. */
function asInJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
