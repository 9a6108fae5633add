import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { PassThrough, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { writeDirectly } from "../../engine/sandbox/direct-write.ts";

const hashOf = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** Reads nothing for so long, then all there is, and says what it was. */
function lateReader(ms: number) {
  const program = `setTimeout(() => {
    const hash = require("node:crypto").createHash("sha256");
    process.stdin.on("data", (bytes) => hash.update(bytes)).on("end", () => console.log(hash.digest("hex")));
  }, ${ms})`;
  return spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
}

/** How much a stream is given from now on. */
function watched(pipe: Writable) {
  const { write } = pipe;
  const given = { bytes: 0 };
  pipe.write = (chunk: Buffer) => {
    given.bytes += chunk.length;
    return Reflect.apply(write, pipe, [chunk]);
  };
  return given;
}

test("what there is room for goes at once, and the stream has nothing to do with it", async () => {
  const child = lateReader(0);
  const given = watched(child.stdin);
  const message = Buffer.from("a message");
  writeDirectly(child.stdin, message);
  expect(given.bytes).toBe(0);
  child.stdin.end();
  expect(await text(child.stdout)).toBe(`${hashOf(message)}\n`);
});

test("what there is no room for comes in order, whichever way each part went", async () => {
  const child = lateReader(200);
  const given = watched(child.stdin);
  const messages = Array.from({ length: 100 }, (_, i) => Buffer.alloc(30_000 + i, `message ${i} `));
  for (const message of messages.slice(0, 50)) writeDirectly(child.stdin, message);
  expect(given.bytes).toBeGreaterThan(0);
  await once(child.stdin, "drain");
  // the stream has passed on everything, so there is room again
  const before = given.bytes;
  for (const message of messages.slice(50)) writeDirectly(child.stdin, message);
  const after = messages.slice(50).reduce((sum, { length }) => sum + length, 0);
  expect(given.bytes - before).toBeLessThan(after);
  child.stdin.end();
  expect(await text(child.stdout)).toBe(`${hashOf(Buffer.concat(messages))}\n`);
});

test("that nobody reads any more is the stream's to tell", async () => {
  const program = 'require("node:fs").closeSync(0); console.log("closed"); setTimeout(() => {}, 10_000);';
  const child = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const failed = once(child.stdin, "error");
  writeDirectly(child.stdin, Buffer.from("too late"));
  expect(await failed).toMatchObject([{ code: "EPIPE" }]);
});

test("a stream without a descriptor is written to as a stream", async () => {
  const stream = new PassThrough();
  writeDirectly(stream, Buffer.from("one "));
  writeDirectly(stream, Buffer.from("two"));
  stream.end();
  expect(await text(stream)).toBe("one two");
});
