/** A place in a file, 1-based, as editors and compilers write it. */
export type Place = { file: string; line: number; column: number };

/** One thing that is wrong: at a path of the document, at a place in a file, or both. */
export type Problem = { message: string; path: string | null; place: Place | null };

/** Why a command could not be done. `hint` says what to do; `problems` are shown one by one. */
export type FailureDetails = { hint?: string | undefined; problems?: Problem[] };

/** What a command throws when it cannot go on. `code` is Scrip's error code, or one of the command's own words. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly code: string;
  readonly hint: string | undefined;
  readonly problems: Problem[];

  constructor(code: string, message: string, { hint, problems }: FailureDetails = {}) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.problems = problems ?? [];
  }
}

/** Whether an error says that a file is not there. */
export function isMissingFile(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** Why a file could not be read, in words. */
export function unreadable(error: unknown): string {
  if (isMissingFile(error)) return "it is not there";
  return error instanceof Error && "code" in error && error.code === "EISDIR" ? "it is a folder" : messageOf(error);
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
