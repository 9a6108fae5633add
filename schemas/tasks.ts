import * as v from "valibot";

/**
 * How a run of a task went. `counts` says of what there were how many, in the words of `docs/operating.md`; `failures` what
 * went wrong, in words: `ok` where nothing did.
 */
export const TaskOutcome = v.object({
  ok: v.boolean(),
  counts: v.record(v.string(), v.number()),
  failures: v.array(v.string()),
});
export type TaskOutcome = v.InferOutput<typeof TaskOutcome>;

const Time = v.pipe(v.string(), v.isoTimestamp());

/** Answer of `POST /api/v1/manage/tasks/{name}/run`. Where it is running already nothing was begun: `ran` is false. */
export const TaskRunAnswer = v.object({
  status: v.literal("success"),
  task: v.string(),
  ran: v.boolean(),
  startedAt: Time,
  finishedAt: v.nullable(Time),
  outcome: v.nullable(TaskOutcome),
});
export type TaskRunAnswer = v.InferOutput<typeof TaskRunAnswer>;

/**
 * Answer of `GET /api/v1/manage/tasks`. `running`: somebody is at it; `interrupted`: whoever was is not heard of any more.
 * `finishedAt` and `outcome` are of the last run that came to its end.
 */
export const TasksAnswer = v.object({
  status: v.literal("success"),
  tasks: v.array(
    v.object({
      name: v.string(),
      description: v.string(),
      /** When it runs, as cron says it, in UTC. */
      pattern: v.string(),
      state: v.picklist(["idle", "running", "interrupted"]),
      startedAt: v.nullable(Time),
      finishedAt: v.nullable(Time),
      outcome: v.nullable(TaskOutcome),
    }),
  ),
});
