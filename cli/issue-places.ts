import * as v from "valibot";
import type { ConfigDocument } from "./document.ts";
import type { Problem } from "./failure.ts";

const Named = v.object({ slug: v.string() });

/**
 * A server's problem as the operator's files show it: what concerns a workflow in a file gets its place there, and list
 * positions get the name of the member (`offers.1(gift).plans`).
 */
export function placed(problem: Problem, { config, workflowFiles }: ConfigDocument): Problem {
  const [, position] = /^redemptionMethods\.(\d+)\.workflow$/.exec(problem.path ?? "") ?? [];
  const file = position === undefined ? null : (workflowFiles[Number(position)] ?? null);
  const path = problem.path === null ? null : named(problem.path, config);
  return { ...(file === null ? problem : placedIn(problem, file)), path };
}

/** A problem whose message begins with its line and column, placed in the file that was sent. */
export function placedIn(problem: Problem, file: string): Problem {
  const [found, line, column] = /^line (\d+), column (\d+): /.exec(problem.message) ?? [];
  if (found === undefined) return problem;
  const message = problem.message.slice(found.length);
  return { path: problem.path, message, place: { file, line: Number(line), column: Number(column) } };
}

function named(path: string, config: ConfigDocument["config"]): string {
  const [section = "", position = "", ...rest] = path.split(".");
  const list = config[section];
  const member = Array.isArray(list) && /^\d+$/.test(position) ? list[Number(position)] : undefined;
  const parsed = v.safeParse(Named, member);
  if (!parsed.success) return path;
  return [section, `${position}(${parsed.output.slug})`, ...rest].join(".");
}
