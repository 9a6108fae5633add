import { expect, test } from "vitest";
import { torture } from "./torture.ts";

test("after faults of every kind and killed servers, what was paid is exactly what is granted", async () => {
  const report = await torture({ purchases: 250, killEveryMs: 2500, seed: 7, concurrency: 16, say: () => undefined });
  const { counts, kills, withoutAccess, withUnpaidAccess, doubled, pending } = report;
  expect({ withoutAccess, withUnpaidAccess, doubled, pending }).toEqual({
    withoutAccess: [],
    withUnpaidAccess: [],
    doubled: [],
    pending: [],
  });
  // it was torture indeed
  expect(kills).toBeGreaterThan(0);
  expect(Math.min(counts.paid, counts.lost, counts.unpaid)).toBeGreaterThan(0);
}, 180_000);
