import * as v from "valibot";
import type { Issue } from "../schemas/errors.ts";

/** valibot's issues as path and message, never with the value that was sent. */
export function issuesOf(issues: readonly v.BaseIssue<unknown>[]): Issue[] {
  return issues.flatMap((issue) => {
    const message = issue.received === "undefined" ? "is missing" : withoutInput(issue);
    return [{ path: v.getDotPath(issue) ?? "", message }];
  });
}

function withoutInput(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  return issue.expected === null ? "is not valid" : `must be ${issue.expected}`;
}
