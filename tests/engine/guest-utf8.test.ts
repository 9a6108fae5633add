import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { decodeUtf8, encodeUtf8, encodeUtf8Into } from "../../engine/sandbox/guest/utf8.ts";

const leads = [
  0x00, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xbb, 0xf0, 0xf4, 0xf5, 0x90, 0x9f, 0xa0, 0xff,
];

test("the guest decodes any bytes as the platform does, with and without a byte order mark", () => {
  const samples = [...Array(3000)].map(() =>
    randomBytes(12).map((byte) => (byte > 99 ? (leads[byte % leads.length] ?? 0) : byte)),
  );
  samples.push(Buffer.from("\ufeffmark"), Buffer.from("é😀"), Buffer.alloc(0));
  for (const bytes of samples) {
    expect(decodeUtf8(bytes, false, false)).toBe(new TextDecoder().decode(bytes));
    expect(decodeUtf8(bytes, false, true)).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  }
});

test("the guest refuses bad bytes when it is told to", () => {
  expect(() => decodeUtf8(new Uint8Array([0xff]), true, false)).toThrow(TypeError);
  expect(() => decodeUtf8(new Uint8Array([0xe2, 0x82]), true, false)).toThrow(TypeError);
});

test("the guest encodes any text as the platform does, lone surrogates too", () => {
  for (const text of ["", "a", "é", "€", "😀", "\ud800", "a\udc00b", "\ud83d😀"]) {
    expect([...encodeUtf8(text)]).toEqual([...new TextEncoder().encode(text)]);
  }
});

test("the guest encodes as much as fits as the platform does, and cuts no character", () => {
  for (const text of ["", "abc", "aé€😀b", "\ud800a", "a\udc00", "😀\ud83d"]) {
    for (let room = 0; room < 12; room += 1) {
      const [ours, theirs] = [new Uint8Array(room), new Uint8Array(room)];
      expect(encodeUtf8Into(text, ours)).toEqual(new TextEncoder().encodeInto(text, theirs));
      expect(ours).toEqual(theirs);
    }
  }
});
