import { expect, test } from "vitest";
import { noLibsqlServer } from "../fakes/libsql-server.ts";
import { outage } from "./outage.ts";

test.skipIf(noLibsqlServer !== null).each([
  ["killed for three seconds", "kill", 3000],
  ["silent for seven seconds, of which it is waited for three", "pause", 7000],
] as const)(
  "a database server that is %s is told as away, makes nothing wrong and needs no restart",
  async (_, how, awayMs) => {
    const { phases, wrong } = await outage({ awayMs, how, say: console.log });
    expect(wrong).toEqual([]);
    // it was away indeed, decisions went on without it, and everything goes on after it
    expect(phases.away).toHaveProperty("redemption 503 storage_unavailable");
    expect(Object.keys(phases.away).filter((what) => what.startsWith("decision"))).toEqual(["decision 200"]);
    expect(phases.after).toHaveProperty("redemption 200");
    expect(phases.after).toHaveProperty("access check 200");
  },
  120_000,
);
