import * as v from "valibot";
import type { Issue } from "../schemas/errors.ts";

/** valibot's issues as path and message, never with the value that was sent. */
export function issuesOf(issues: readonly v.BaseIssue<unknown>[]): Issue[] {
  return issues.flatMap((issue) => {
    const message = messageOf(issue);
    return [{ path: v.getDotPath(issue) ?? "", message }];
  });
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "is not known here";
  return issue.received === "undefined" ? "is missing" : withoutInput(issue);
}

function withoutInput(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  return issue.expected === null ? "is not valid" : `must be ${issue.expected}`;
}
