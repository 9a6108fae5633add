import { Cron } from "croner";
import type { Engine } from "../engine/engine.ts";
import { runScheduled, scheduledTasks } from "../engine/tasks/tasks.ts";

/** The scheduled tasks of a process. `stop` begins no more, ends those under way after their step, and waits for them. */
export type TaskSchedule = { stop(): Promise<void> };

/** Runs every scheduled task of the engine when its time comes, in UTC. What a run rejects with is told to `onFault`. */
export function scheduleTasks(engine: Engine): TaskSchedule {
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();
  const jobs = scheduledTasks.map(({ name, pattern }) => {
    const run = async () => {
      const one = runScheduled(engine, name, stopping.signal).then(
        () => undefined,
        (fault: unknown) => engine.onFault(fault, `the task ${name} could not be run`),
      );
      underWay.add(one);
      await one;
      underWay.delete(one);
    };
    // protected: one that takes longer than its interval is not begun beside itself
    return new Cron(pattern, { timezone: "UTC", protect: true }, run);
  });
  return {
    async stop() {
      for (const job of jobs) job.stop();
      stopping.abort();
      await Promise.all(underWay);
    },
  };
}
