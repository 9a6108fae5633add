import { expect, test } from "vitest";
import { inTurn, type WriteTurns } from "../../engine/write-turns.ts";

test("of many one writes at a time, in the order in which they came", async () => {
  const turns: WriteTurns = { queue: [] };
  const order: number[] = [];
  let writing = 0;
  let most = 0;
  const write = (i: number) =>
    inTurn(turns, async () => {
      writing += 1;
      most = Math.max(most, writing);
      await new Promise((resolve) => setTimeout(resolve, 1));
      order.push(i);
      writing -= 1;
      return i;
    });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => write(i)));
  expect([answers, order, most]).toEqual([answers.toSorted((a, b) => a - b), answers, 1]);
  expect(turns.queue).toEqual([]);
});

test("work that fails gives its turn to the next", async () => {
  const turns: WriteTurns = { queue: [] };
  const failed = inTurn(turns, () => Promise.reject(new Error("full")));
  const next = inTurn(turns, async () => "written");
  await expect(failed).rejects.toThrow("full");
  expect(await next).toBe("written");
});

test("whoever was ended in the middle is passed over, at the head of the queue and behind it", async () => {
  const gone = () => ({ seenAtMs: Date.now() - 60_000 });
  const turns: WriteTurns = { queue: [gone(), gone()] };
  const first = inTurn(turns, async () => "first");
  turns.queue.push(gone());
  const second = inTurn(turns, async () => "second");
  expect(await Promise.all([first, second])).toEqual(["first", "second"]);
  expect(turns.queue).toEqual([]);
});

test("whoever works for long keeps its turn", async () => {
  const turns: WriteTurns = { queue: [] };
  const seen: string[] = [];
  const long = inTurn(turns, async () => {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    seen.push("long");
  });
  await Promise.all([long, inTurn(turns, async () => seen.push("next"))]);
  expect(seen).toEqual(["long", "next"]);
});
