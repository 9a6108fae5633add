import { describe, expect, test } from "vitest";
import { ScripError } from "../../engine/error.ts";
import { mostSubjects } from "../../engine/rate-limits/limit.ts";
import { admitted, clock, node, notices, prepareLimits, take } from "./limit-nodes.ts";

prepareLimits();

describe("one server", () => {
  test.each([
    ["key", 100, 10],
    ["reads", 300, 60],
    ["actions", 30, 60],
    ["failures", 20, 60],
  ] as const)(
    "lets exactly its limit of %s through, of 2,000 at once, until the window ends",
    async (name, most, s) => {
      const limits = await node();
      expect(await admitted(limits, 2000, name)).toBe(most);
      clock.advance(s * 1000 - 1);
      expect(await take(limits, name, "key_1")).toBe(1);
      clock.advance(1);
      expect(await admitted(limits, 2000, name)).toBe(most);
      expect(limits.refused[name]).toBe((2000 - most) * 2 + 1);
    },
  );

  test("says in whole seconds when the window ends", async () => {
    const limits = await node();
    await admitted(limits, 100);
    expect(await take(limits, "key", "key_1")).toBe(10);
    clock.advance(1);
    expect(await take(limits, "key", "key_1")).toBe(10);
    clock.advance(999);
    expect(await take(limits, "key", "key_1")).toBe(9);
    clock.advance(8999);
    expect(await take(limits, "key", "key_1")).toBe(1);
  });

  test("counts each subject and each limit by itself", async () => {
    const limits = await node();
    await admitted(limits, 100);
    expect(await take(limits, "key", "key_1")).toBeGreaterThan(0);
    expect(await take(limits, "key", "key_2")).toBe(0);
    expect(await take(limits, "reads", "key_1")).toBe(0);
  });

  test("limits nothing where the setting is 0, and nobody who is not known", async () => {
    const limits = await node({ keyPerSecond: 0 });
    expect(await admitted(limits, 2000)).toBe(2000);
    await Promise.all(Array.from({ length: 2000 }, () => limits.take("actions", null)));
    expect(limits.refused).toEqual({ key: 0, reads: 0, actions: 0, failures: 0 });
  });

  test("begins a new window when the clock is set back or forth, and asks for no longer wait than a window", async () => {
    const limits = await node();
    await admitted(limits, 101);
    clock.advance(-3_600_000);
    expect(await admitted(limits, 101)).toBe(100);
    expect(await take(limits, "key", "key_1")).toBe(10);
    clock.advance(86_400_000);
    expect(await admitted(limits, 101)).toBe(100);
  });

  test("counts no more subjects than it has memory for, and those that it knows still", async () => {
    const limits = await node();
    await admitted(limits, 29, "actions", "known");
    for (let i = 1; i < mostSubjects; i++) await limits.take("actions", `address ${i}`);
    expect(await admitted(limits, 100, "actions", "one too many")).toBe(100);
    expect(await admitted(limits, 100, "actions", "known")).toBe(1);
  });

  test("tells of each subject once a minute, and not of more than twenty", async () => {
    const limits = await node({ addressPerMinute: 1 });
    for (let i = 0; i < 40; i++) await admitted(limits, 5, "actions", `192.0.2.${i}`);
    expect(notices).toHaveLength(20);
    expect(notices[0]).toBe("rate limit: actions 192.0.2.0 is refused");
    clock.advance(60_000);
    await admitted(limits, 5, "actions", "192.0.2.0");
    expect(notices).toHaveLength(21);
  });
});

describe("guesses", () => {
  const codes = ["invalid_admin_token"] as const;
  const wrong = async () => {
    // others begin meanwhile
    await new Promise((resolve) => setImmediate(resolve));
    throw new ScripError("invalid_admin_token", "Invalid admin token");
  };
  const code = (tried: Promise<unknown>) =>
    tried.then(
      () => "good",
      (error: unknown) => (error instanceof ScripError ? error.code : String(error)),
    );

  test("of a thousand at once are no more than one after another", async () => {
    const limits = await node();
    let tried = 0;
    const guess = () => {
      tried++;
      return wrong();
    };
    await Promise.all(Array.from({ length: 1000 }, () => code(limits.attempt("admin 192.0.2.1", codes, guess))));
    expect(tried).toBe(20);
    expect(await code(limits.attempt("admin 192.0.2.1", codes, async () => "right"))).toBe("rate_limited");
    expect(await code(limits.attempt("admin 192.0.2.2", codes, async () => "right"))).toBe("good");
  });

  test("that are right, or fail for another reason, are not counted", async () => {
    const limits = await node();
    const busy = async () => Promise.reject(new ScripError("storage_unavailable", "The database does not answer"));
    for (let i = 0; i < 100; i++) {
      expect(await code(limits.attempt("admin 192.0.2.1", codes, async () => "right"))).toBe("good");
      expect(await code(limits.attempt("admin 192.0.2.1", codes, busy))).toBe("storage_unavailable");
    }
    for (let i = 0; i < 20; i++) expect(await code(limits.attempt("admin 192.0.2.1", codes, wrong))).toBe(codes[0]);
    expect(await code(limits.attempt("admin 192.0.2.1", codes, wrong))).toBe("rate_limited");
  });

  test("that end after their window has ended take nothing from the next", async () => {
    const limits = await node();
    await code(
      limits.attempt("admin 192.0.2.1", codes, async () => {
        clock.advance(60_000);
        return "right";
      }),
    );
    const all = Array.from({ length: 30 }, () => code(limits.attempt("admin 192.0.2.1", codes, wrong)));
    expect((await Promise.all(all)).filter((one) => one === codes[0])).toHaveLength(20);
  });
});
