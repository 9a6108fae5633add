import type { ErrorCode } from "../schemas/error-codes.ts";
import type { Issue } from "../schemas/errors.ts";

/** What an error may carry beside its code and message. */
export type ErrorDetails = { issues?: Issue[]; eventId?: string; retryAfterSeconds?: number; cause?: unknown };

/** The one error class: a closed `code` for programs, a message that tells a person what to do. */
export class ScripError extends Error {
  override readonly name = "ScripError";
  readonly code: ErrorCode;
  readonly issues: Issue[] | undefined;
  readonly eventId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.issues = details.issues;
    this.eventId = details.eventId;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
