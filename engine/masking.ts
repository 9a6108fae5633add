/** What stands in an event where a secret stood. */
export const mask = "***";

const secretNames =
  /^(userJwt|offerToken|token|cookies?|authorization|set-cookie|secret|secretKey|password|api_?key|client_secret)$/i;

/**
 * A value as JSON text with its secrets masked: members with a telling name, and every occurrence of `secrets` inside
 * any text. What is not JSON is dropped as `JSON.stringify` drops it.
 */
export function maskedText(value: unknown, secrets: readonly string[] = []): string {
  const text = JSON.stringify(value ?? null, (name, inner: unknown) =>
    secretNames.test(name) && inner !== null && inner !== undefined ? mask : inner,
  );
  return withoutSecrets(text, secrets);
}

/** A JSON text in which every occurrence of `secrets` is masked. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    // a very short one would mask half of what is there
    if (secret.length >= 6) clean = clean.replaceAll(asInJson(secret), mask);
  }
  return clean;
}

/** A text as it stands inside a JSON text. */
function asInJson(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : JSON.stringify(text).slice(1, -1);
}
