import { randomText } from "./digest.ts";

/**
 * A guest is the browser of somebody who bought without being known: its session may use what it bought, and nothing else
 * of the member whom Stripe's e-mail named. A guest's identifier cannot be guessed, and no site names its users so.
 */
const pattern = /^guest_[0-9A-Za-z]{24}$/;

/** A new guest's identifier. */
export function newGuest(): string {
  return `guest_${randomText(24)}`;
}

/** The user in an identity key; null for a visitor. */
export function userIn(identityKey: string): string | null {
  return identityKey.startsWith("user:") ? identityKey.slice("user:".length) : null;
}

/** The guest in an identity key, where a guest's session buys again; null for anybody else. */
export function guestIn(identityKey: string): string | null {
  const user = userIn(identityKey);
  return user !== null && pattern.test(user) ? user : null;
}
