/**
 * `crypto.subtle`: digests and HMAC (https://w3c.github.io/webcrypto/) with @noble/hashes, in the guest itself. Nothing else of
 * the API is there. Interpreted, as all that a workflow runs, SHA-256 takes about half a millisecond for 1,000 bytes.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import type { Core } from "./parts.ts";

declare const core: Core;
const { domException, provide } = core;

type HmacAlgorithm = { name: "HMAC"; hash: { name: string }; length: number };

const hashes = new Map([
  ["SHA-1", sha1],
  ["SHA-256", sha256],
  ["SHA-384", sha384],
  ["SHA-512", sha512],
]);
const usagesOfHmac = ["sign", "verify"];

let secretOf: (key: CryptoKey) => Uint8Array;

class CryptoKey {
  static {
    secretOf = (key) => key.#secret;
  }
  readonly #secret: Uint8Array;
  readonly type = "secret";
  readonly algorithm: HmacAlgorithm;
  readonly extractable: boolean;
  readonly usages: readonly string[];

  constructor(secret: Uint8Array, hash: string, extractable: boolean, usages: readonly string[]) {
    this.#secret = secret;
    this.algorithm = Object.freeze({ name: "HMAC", hash: Object.freeze({ name: hash }), length: secret.length * 8 });
    this.extractable = extractable;
    this.usages = Object.freeze(usages);
    Object.freeze(this);
  }

  get [Symbol.toStringTag](): string {
    return "CryptoKey";
  }
}

class SubtleCrypto {
  async digest(algorithm: unknown, data: unknown): Promise<ArrayBufferLike> {
    const { hash } = hashOf(algorithm);
    return hash(bytesOf(data)).buffer;
  }

  async importKey(
    format: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: Iterable<unknown>,
  ): Promise<CryptoKey> {
    if (format !== "raw") throw domException("only raw keys can be imported", "NotSupportedError");
    const secret = bytesOf(keyData).slice();
    if (nameOf(algorithm) !== "HMAC") throw notSupported(nameOf(algorithm));
    const { name } = hashOf(partOf(algorithm, "hash"));
    const asked = [...new Set([...usages].map(String))];
    if (asked.length === 0 || asked.some((usage) => !usagesOfHmac.includes(usage))) {
      throw domException("a key of HMAC is for sign and verify", "SyntaxError");
    }
    const bits = partOf(algorithm, "length");
    if (secret.length === 0 || (bits !== undefined && bits !== secret.length * 8)) {
      throw domException("the key is not as long as it is said to be, or empty", "DataError");
    }
    return new CryptoKey(secret, name, Boolean(extractable), asked);
  }

  async exportKey(format: unknown, key: unknown): Promise<ArrayBufferLike> {
    if (!(key instanceof CryptoKey)) throw new TypeError("exportKey takes a CryptoKey");
    if (format !== "raw") throw domException("only raw keys can be exported", "NotSupportedError");
    if (!key.extractable) throw domException("the key is not extractable", "InvalidAccessError");
    return secretOf(key).slice().buffer;
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBufferLike> {
    return authenticate("sign", algorithm, key, data).buffer;
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    const given = bytesOf(signature);
    const right = authenticate("verify", algorithm, key, data);
    let difference = given.length ^ right.length;
    // all of it, however early it differs
    right.forEach((byte, at) => {
      difference |= byte ^ (given[at] ?? 0);
    });
    return difference === 0;
  }

  get [Symbol.toStringTag](): string {
    return "SubtleCrypto";
  }
}

function authenticate(usage: string, algorithm: unknown, key: unknown, data: unknown): Uint8Array {
  if (!(key instanceof CryptoKey)) throw new TypeError(`${usage} takes a CryptoKey`);
  if (nameOf(algorithm) !== "HMAC") throw notSupported(nameOf(algorithm));
  if (!key.usages.includes(usage)) throw domException(`the key is not for ${usage}`, "InvalidAccessError");
  return hmac(hashOf(key.algorithm.hash).hash, secretOf(key), bytesOf(data));
}

function hashOf(algorithm: unknown) {
  const name = nameOf(algorithm);
  const hash = hashes.get(name);
  if (!hash) throw notSupported(name);
  return { name, hash };
}

/** Algorithms are told by their names, or by an object that has a name, in any case. */
function nameOf(algorithm: unknown): string {
  const name = typeof algorithm === "object" && algorithm !== null ? partOf(algorithm, "name") : algorithm;
  if (name === undefined) throw new TypeError("the algorithm has no name");
  return `${name}`.toUpperCase();
}

function partOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

function bytesOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError("the data must be an ArrayBuffer or a view of one");
}

function notSupported(name: string): Error {
  return domException(`the algorithm ${name.slice(0, 100)} is not available`, "NotSupportedError");
}

provide({ subtle: new SubtleCrypto() });
