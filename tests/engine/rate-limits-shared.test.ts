import { describe, expect, test } from "vitest";
import { createRateLimitMemory, type RateLimits } from "../../engine/rate-limits.ts";
import { admitted, clock, node, nodes, notices, prepareLimits, rows, setAway } from "./limit-nodes.ts";

prepareLimits();

describe("several servers on one database", () => {
  const sync = (all: RateLimits[]) => Promise.all(all.map((one) => one.sync()));

  test("let at most the limit of each through at once, and nothing more after they have heard of each other", async () => {
    const all = await nodes(3);
    const first = await Promise.all(all.map((one) => admitted(one, 2000)));
    expect(first).toEqual([100, 100, 100]);
    await sync(all);
    await sync(all);
    expect(await Promise.all(all.map((one) => admitted(one, 2000)))).toEqual([0, 0, 0]);
    clock.advance(10_000);
    await sync(all);
    expect(await admitted(all[0] ?? never(), 2000)).toBe(100);
    await sync(all);
    await sync(all);
    expect(await admitted(all[1] ?? never(), 2000)).toBe(0);
  });

  test("exceed a limit by no more than they let through between two exchanges, and a tenth of it each", async () => {
    const all = await nodes(3);
    for (let window = 0; window < 3; window++) {
      let passed = 0;
      for (let second = 0; second < 10; second++) {
        for (const one of all) passed += await admitted(one, 8);
        await sync(all);
        clock.advance(1000);
      }
      expect(passed).toBeGreaterThanOrEqual(100);
      expect(passed).toBeLessThanOrEqual(100 + 2 * (8 + 8 + 10));
    }
  });

  test("one that comes in the middle of a window hears what was counted before", async () => {
    const first = await node();
    await admitted(first, 60);
    await first.sync();
    const second = await node();
    await second.sync();
    expect(await admitted(second, 2000)).toBe(40);
  });

  test("guesses too: what was tried at one is not tried again at another", async () => {
    const [first = never(), second = never()] = await nodes(2);
    await admitted(first, 20, "failures", "admin 192.0.2.1");
    await sync([first, second]);
    await second.sync();
    expect(await admitted(second, 20, "failures", "admin 192.0.2.1")).toBe(0);
  });

  test("one whose clock is a window ahead is heard when the others get there", async () => {
    const [first = never(), second = never()] = await nodes(2);
    clock.advance(10_000);
    await admitted(first, 100);
    await first.sync();
    clock.advance(-10_000);
    await second.sync();
    expect(await admitted(second, 50)).toBe(50);
    clock.advance(10_000);
    await second.sync();
    expect(await admitted(second, 50)).toBe(0);
  });

  test("while the database is away each holds its own limit, and tells of it afterwards", async () => {
    const [first = never(), second = never()] = await nodes(2);
    setAway(true);
    expect(await admitted(first, 2000)).toBe(100);
    await expect(first.sync()).rejects.toThrow("does not answer");
    expect(await admitted(second, 50)).toBe(50);
    setAway(false);
    await sync([first, second]);
    await second.sync();
    expect(await admitted(second, 50)).toBe(0);
  });

  test("exchanges that are asked for at once are one", async () => {
    const limits = await node();
    await admitted(limits, 50);
    expect(new Set(Array.from({ length: 10 }, () => limits.sync())).size).toBe(1);
    await limits.sync();
    expect(await rows()).toMatchObject([{ name: "key", subject: "key_1", count: 50 }]);
  });

  test("write nothing of the visitors of a normal day", async () => {
    const limits = await node();
    for (let i = 0; i < 500; i++) await admitted(limits, 2, "actions", `198.51.100.${i}`);
    await limits.sync();
    expect(await rows()).toEqual([]);
  });

  test("delete what was counted when its window has ended for a minute, whoever wrote it", async () => {
    const [first = never(), second = never()] = await nodes(2);
    await admitted(first, 50);
    await first.sync();
    expect(await rows()).toHaveLength(1);
    await second.sync();
    clock.advance(69_999);
    await second.sync();
    expect(await rows()).toHaveLength(1);
    clock.advance(60_000);
    await second.sync();
    expect(await rows()).toEqual([]);
  });
});

test("limits that are made anew over the same memory go on counting, and are one server to the others", async () => {
  const memory = createRateLimitMemory();
  for (let i = 0; i < 3; i++) await admitted(await node({}, memory), 30);
  const last = await node({}, memory);
  expect(await admitted(last, 30)).toBe(10);
  expect(last.refused.key).toBe(20);
  await (await node({}, memory)).sync();
  await last.sync();
  expect(await rows()).toMatchObject([{ count: 120 }]);
  expect(notices).toHaveLength(1);
});

function never(): never {
  throw new Error("unreachable");
}
