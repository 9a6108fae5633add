import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import type { Sandbox } from "../../engine/sandbox.ts";
import { sandboxChildren } from "../engine/sandbox-children.ts";
import { hostileCases } from "./cases/all.ts";
import { startControls } from "./controls.ts";
import type { HostileFamily } from "./hostile-case.ts";
import { runCase, wrongIn } from "./run-case.ts";

const runsPerProcess = 32;
const unharmed = { wrong: 0, lost: 0, doubled: 0, missing: 0, faults: [] };

/** The suite of one family: all of its cases, one after the other, in one pool of one process. */
export function describeFamily(family: HostileFamily): void {
  describe(`a hostile workflow's ${family}`, () => {
    let sandbox: Sandbox;

    beforeAll(async () => {
      // one process, so that those who must not be harmed live where the attack is
      sandbox = createProcessPool({ processes: 1, runsPerProcess });
      await vi.waitUntil(() => sandbox.ready(), { timeout: 20_000 });
    });
    afterAll(() => sandbox.close());

    test.each(hostileCases[family])("end as they should and harm no other run: $name", async (hostile) => {
      const result = await runCase(sandbox, hostile);
      expect(wrongIn(hostile, result)).toEqual([]);
      expect(result.controls).toMatchObject(unharmed);
    });

    test("leave every place of the pool free for others", async () => {
      const started = Array.from({ length: runsPerProcess / 2 - 1 }, (_, i) => startControls(sandbox, `after ${i}`));
      const waiting = await Promise.all(started);
      for (const controls of waiting) expect(await controls.end()).toMatchObject({ answered: 2, ...unharmed });
    });

    test("leave no process behind when the pool is closed", async () => {
      expect(sandboxChildren().length).toBeGreaterThan(0);
      await sandbox.close();
      expect(sandboxChildren()).toEqual([]);
    });
  });
}
