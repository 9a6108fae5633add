import { notSimulated } from "./errors.ts";

/** Throws a `StripeRefusal` for a parameter that Stripe knows and this does not simulate. */
export function onlySimulated(params: object, names: readonly string[]): void {
  const other = Object.keys(params).find((name) => name !== "expand" && !names.includes(name));
  if (other !== undefined) {
    throw notSimulated(other);
  }
}

/** The parameters every list has. */
export const pageParams = ["created", "ending_before", "limit", "starting_after"] as const;
