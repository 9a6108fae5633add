import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type ProcessEnd, startProcess } from "../../engine/sandbox/sandbox-process.ts";

/** A process that says what it likes, once it has read something. */
function start(lie: string) {
  const program = `const { readSync, writeSync } = require("node:fs");
    const say = (header, body = "[]") => {
      const sizes = Buffer.alloc(8);
      sizes.writeUInt32BE(Buffer.byteLength(header)); sizes.writeUInt32BE(Buffer.byteLength(body), 4);
      writeSync(1, Buffer.concat([sizes, Buffer.from(header), Buffer.from(body)]));
    };
    readSync(0, Buffer.alloc(65536));
    ${lie}
    for (;;) if (readSync(0, Buffer.alloc(65536)) === 0) process.exit();`;
  const heard: string[] = [];
  const { promise: end, resolve } = Promise.withResolvers<ProcessEnd>();
  const terms = {
    program: Promise.resolve({ program, prelude: "", readable: [] }),
    writableKib: 1_000_000,
    idleIsolates: 0,
    startMs: 10_000,
  };
  const made = startProcess(terms, {
    onReady: () => heard.push("ready"),
    onReport: ({ kind }) => heard.push(kind),
    onEnd: resolve,
  });
  onTestFinished(async () => {
    made.kill({ reason: "closed", message: "the test is over" });
    await made.ended;
  });
  return { heard, end };
}

const slice = `say('{"kind":"slice","run":"r","cpuMs":1,"ended":false}');`;

describe("a process that has been taken over", () => {
  test.each([
    ["says for ever that it is ready", `for (;;) say('{"kind":"ready"}');`, ["ready"]],
    ["reports before it is ready", slice, []],
    ["talks without end", `say('{"kind":"ready"}'); for (;;) writeSync(2, Buffer.alloc(65536, 120));`, ["ready"]],
    ["has used more than all time", `say('{"kind":"ready"}'); ${slice.replace(":1,", ":1e999,")}`, ["ready"]],
    [
      "complains at length",
      `say('{"kind":"ready"}'); say('{"kind":"failed","run":"r","cpuMs":1,"why":"crash","message":"' + "m".repeat(5000) + '"}');`,
      ["ready"],
    ],
    ["does not speak JSON", `say("ready");`, []],
    ["claims a gigabyte", "writeSync(1, Buffer.alloc(8, 0x3f));", []],
  ])("and %s is ended, and nothing more of it is heard", async (_what, lie, before) => {
    const { heard, end } = start(lie);
    expect(await end).toMatchObject({ reason: "lied" });
    expect(heard).toEqual(before);
  });

  test("and sends a frame byte by byte costs no more than the frame", async () => {
    const { heard } = start(`
      say('{"kind":"ready"}');
      const body = JSON.stringify("x".repeat(300_000));
      const header = '{"kind":"slice","run":"r","cpuMs":1,"ended":false}';
      const sizes = Buffer.alloc(8);
      sizes.writeUInt32BE(header.length); sizes.writeUInt32BE(body.length, 4);
      for (const byte of Buffer.concat([sizes, Buffer.from(header), Buffer.from(body)])) writeSync(1, Buffer.of(byte));`);
    const before = process.memoryUsage().rss;
    await vi.waitUntil(() => heard.includes("slice"), { timeout: 20_000 });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });
});
