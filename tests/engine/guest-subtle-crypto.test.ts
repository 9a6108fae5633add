import { createHash, createHmac, webcrypto } from "node:crypto";
import { describe, expect, test } from "vitest";
import { guestPart } from "./guest-parts.ts";

const { subtle: guestSubtle } = await guestPart("subtle-crypto");
const hashes = [
  ["SHA-1", "sha1"],
  ["SHA-256", "sha256"],
  ["SHA-384", "sha384"],
  ["SHA-512", "sha512"],
] as const;
const lengths = [0, 1, 3, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000];

async function call(subtle: unknown, method: string, args: unknown[]): Promise<unknown> {
  const found: unknown = Reflect.get(Object(subtle), method);
  if (typeof found !== "function") throw new Error(`there is no ${method}`);
  return Reflect.apply(found, subtle, args);
}

function ask(method: string, ...args: unknown[]): Promise<unknown> {
  return call(guestSubtle, method, args);
}

/** Asks the guest's and the platform's. */
function both(method: string, ...args: unknown[]): Promise<unknown>[] {
  return [guestSubtle, webcrypto.subtle].map((subtle) => call(subtle, method, args));
}

function hex(buffer: unknown): string {
  if (!(buffer instanceof ArrayBuffer)) throw new Error("not an ArrayBuffer");
  return Buffer.from(buffer).toString("hex");
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7) % 256);
}

describe.each(hashes)("crypto.subtle in the guest with %s", (name, nodeName) => {
  test("digests as the platform does, at every border of a block", async () => {
    for (const length of lengths) {
      const right = createHash(nodeName).update(bytes(length)).digest("hex");
      expect(hex(await ask("digest", name, bytes(length)))).toBe(right);
    }
  });

  test("signs and verifies as the platform does, with keys shorter and longer than a block", async () => {
    for (const length of [1, 20, 64, 65, 128, 131, 300]) {
      const algorithm = { name: "HMAC", hash: name };
      const key = await ask("importKey", "raw", bytes(length), algorithm, false, ["sign", "verify"]);
      const right = createHmac(nodeName, bytes(length)).update("text").digest();
      expect(hex(await ask("sign", "HMAC", key, Buffer.from("text")))).toBe(right.toString("hex"));
      expect(await ask("verify", "hmac", key, right, Buffer.from("text"))).toBe(true);
      expect(await ask("verify", "HMAC", key, right.subarray(1), Buffer.from("text"))).toBe(false);
      expect(await ask("verify", "HMAC", key, Buffer.concat([right, right]), Buffer.from("text"))).toBe(false);
      expect(await ask("verify", "HMAC", key, right, Buffer.from("Text"))).toBe(false);
    }
  });
});

describe("crypto.subtle in the guest", () => {
  test("gives the published digests of FIPS 180 and the tag of RFC 4231", async () => {
    const abc = Buffer.from("abc");
    expect(hex(await ask("digest", "SHA-1", abc))).toBe("a9993e364706816aba3e25717850c26c9cd0d89d");
    expect(hex(await ask("digest", { name: "sha-256" }, abc))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    const key = await ask("importKey", "raw", Buffer.from("Jefe"), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    expect(hex(await ask("sign", "HMAC", key, Buffer.from("what do ya want for nothing?")))).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });

  test("takes buffers and views, and only the part a view shows", async () => {
    const right = createHash("sha256").update(bytes(40).subarray(4, 12)).digest("hex");
    const { buffer } = bytes(40);
    for (const data of [
      buffer.slice(4, 12),
      new Uint8Array(buffer, 4, 8),
      new DataView(buffer, 4, 8),
      new Uint32Array(buffer, 4, 2),
    ]) {
      expect(hex(await ask("digest", "SHA-256", data))).toBe(right);
    }
  });

  test("tells of a key what the platform tells, and not the key", async () => {
    const args = ["raw", bytes(20), { name: "hmac", hash: { name: "sha-512" } }, false, ["verify", "sign", "sign"]];
    const told = (await Promise.all(both("importKey", ...args))).map((key) => {
      const { type, extractable, algorithm, usages } = Object(key);
      return { type, extractable, algorithm, usages: [...usages].sort() };
    });
    expect(told[0]).toEqual(told[1]);
    const key = await ask("importKey", ...args);
    expect(Reflect.ownKeys(Object(key)).sort()).toEqual(["algorithm", "extractable", "type", "usages"]);
    expect(Object.isFrozen(key) && Object.isFrozen(Object(key).usages) && Object.isFrozen(Object(key).algorithm)).toBe(
      true,
    );
    await expect(ask("exportKey", "raw", key)).rejects.toMatchObject({ name: "InvalidAccessError" });
  });

  test("gives out the bytes of a key that may be extracted, as a copy", async () => {
    const source = bytes(20);
    const key = await ask("importKey", "raw", source, { name: "HMAC", hash: "SHA-1" }, true, ["sign"]);
    source.fill(0);
    expect(hex(await ask("exportKey", "raw", key))).toBe(Buffer.from(bytes(20)).toString("hex"));
    new Uint8Array(Object(await ask("exportKey", "raw", key))).fill(0);
    expect(hex(await ask("exportKey", "raw", key))).toBe(Buffer.from(bytes(20)).toString("hex"));
  });

  const hmac = { name: "HMAC", hash: "SHA-256" };
  test.each<[what: string, method: string, ...args: unknown[]]>([
    ["an unknown digest", "digest", "MD5", bytes(1)],
    ["a digest without a name", "digest", {}, bytes(1)],
    ["text as data", "digest", "SHA-256", "text"],
    ["numbers as data", "digest", "SHA-256", [1, 2]],
    ["an empty key", "importKey", "raw", bytes(0), hmac, false, ["sign"]],
    ["no usages", "importKey", "raw", bytes(8), hmac, false, []],
    ["usages that HMAC has not", "importKey", "raw", bytes(8), hmac, false, ["encrypt"]],
    ["a hash that is not there", "importKey", "raw", bytes(8), { name: "HMAC", hash: "MD5" }, false, ["sign"]],
    ["no hash", "importKey", "raw", bytes(8), { name: "HMAC" }, false, ["sign"]],
    ["a length that is not the key's", "importKey", "raw", bytes(8), { ...hmac, length: 512 }, false, ["sign"]],
    ["a key that is none", "sign", "HMAC", {}, bytes(1)],
  ])("refuses %s as the platform does, by a rejection", async (_what, method, ...args) => {
    const [ours, theirs] = (await Promise.allSettled(both(method, ...args))).map((done) =>
      done.status === "rejected" ? done.reason.name : "fulfilled",
    );
    expect(ours).toBe(theirs);
    expect(ours).not.toBe("fulfilled");
  });

  test("refuses a key for what it is not for", async () => {
    const key = await ask("importKey", "raw", bytes(8), hmac, false, ["verify"]);
    await expect(ask("sign", "HMAC", key, bytes(1))).rejects.toMatchObject({ name: "InvalidAccessError" });
    await expect(ask("sign", "AES-CBC", key, bytes(1))).rejects.toMatchObject({ name: "NotSupportedError" });
  });
});
