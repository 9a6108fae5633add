import { invalid } from "./errors.ts";

/** What stripe-node lets a caller give as metadata: on the wire all of it is text, and "" unsets a key. */
export type GivenMetadata = Record<string, string | number | null> | "" | null | undefined;

/**
 * The metadata of an object after an update (Stripe API reference, "Metadata"): at most 50 keys of at most 40
 * characters without square brackets, values of at most 500. Throws a `StripeRefusal` for `param` otherwise.
 */
export function mergeMetadata(
  current: Record<string, string>,
  given: GivenMetadata,
  param = "metadata",
): Record<string, string> {
  if (given === undefined) {
    return current;
  }
  const merged = new Map(given === "" || given === null ? [] : Object.entries(current));
  for (const [key, value] of Object.entries(given || {})) {
    const text = value === null ? "" : String(value);
    checkPair(key, text, param);
    if (text === "") {
      merged.delete(key);
    } else {
      merged.set(key, text);
    }
  }
  if (merged.size > 50) {
    throw invalid(
      `Metadata can have up to 50 keys, but you've set ${merged.size}. Email us at support+metadata@stripe.com for more information.`,
      { param },
    );
  }
  return Object.fromEntries(merged);
}

function checkPair(key: string, value: string, param: string): void {
  if (key.length > 40) {
    throw invalid(
      `Metadata keys can have up to 40 characters, but you passed in a key that is ${key.length} characters. Invalid key: ${key}`,
      { param },
    );
  }
  if (value.length > 500) {
    throw invalid(
      `Metadata values can have up to 500 characters, but you passed in a value that is ${value.length} characters. Invalid value: ${value}`,
      { param },
    );
  }
}
