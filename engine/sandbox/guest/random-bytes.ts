import { chacha20 } from "@noble/ciphers/chacha.js";
import { hexToBytes } from "@noble/hashes/utils.js";
import type { Core } from "./parts.ts";

declare const core: Core;

const nonceBytes = 12;
let calls = 0;

/**
 * Bytes that nobody can foresee without the run's key, and that are the same when the run is replayed: the key stream of
 * ChaCha20 (RFC 8439) under the 32 random bytes that the supervisor drew for this run, with the number of the call as its
 * nonce. Linux's and the BSDs' generators and libsodium's `randombytes_buf_deterministic` are built so. The platform's own
 * randomness cannot be repeated; a host call for each value would be slow, and spend the run's outbound calls.
 */
export function randomBytes(length: number): Uint8Array {
  const nonce = new Uint8Array(nonceBytes);
  new DataView(nonce.buffer).setUint32(0, calls, true);
  calls += 1;
  return chacha20(hexToBytes(core.keyOfRun()), nonce, new Uint8Array(length));
}
