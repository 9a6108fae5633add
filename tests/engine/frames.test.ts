import { expect, test } from "vitest";
import { createFrameReader, encodeFrame, type Frame } from "../../engine/sandbox/frames.ts";

test("frames come out as they went in, however the bytes are cut", () => {
  const frames: Frame[] = [
    { header: '{"a":1}', body: "é😀" },
    { header: "{}", body: "" },
    { header: "x".repeat(500), body: "y".repeat(3000) },
  ];
  const bytes = Buffer.concat(frames.map(({ header, body }) => encodeFrame(header, body)));
  for (const size of [1, 3, 7, 64, bytes.length]) {
    const seen: Frame[] = [];
    const read = createFrameReader(10_000, (frame) => seen.push(frame));
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
    expect(seen).toEqual(frames);
  }
});

test("a frame that claims too much is refused before its bytes come", () => {
  const read = createFrameReader(100, () => {});
  expect(() => read(encodeFrame("{}", "x".repeat(200)).subarray(0, 8))).toThrow(RangeError);
});
