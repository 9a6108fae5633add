/** What a command ends with: done and well; done, and the answer is no; could not be done. */
export type ExitCode = 0 | 1 | 2;

type Formatter = (text: string) => string;

/** The colours that the command uses. Without colours each gives back its text. */
export type Colors = Record<"bold" | "dim" | "red" | "green" | "yellow" | "cyan", Formatter>;

/** Everything that a command touches beside files: the one thing that tests replace. */
export type Terminal = {
  cwd: string;
  /** The folder of Scrip itself, where its types and, in development, its data are. */
  packageDir: string;
  env: Readonly<Record<string, string | undefined>>;
  fetch: typeof fetch;
  colors: Colors;
  /** Whether somebody is there to be asked. */
  interactive: boolean;
  /** Writes a line to standard output: what the command was asked for. */
  out(line: string): void;
  /** Writes a line to standard error: what goes wrong, and what the reader should know beside the answer. */
  note(line: string): void;
  /** Asks a question; resolves with the line that was typed. */
  ask(question: string): Promise<string>;
  /** Does work, and shows meanwhile what it is, where somebody can see it. */
  working<T>(what: string, work: () => Promise<T>): Promise<T>;
};

/** Runs a command's work and keeps its exit code. */
export type Runner = (work: (terminal: Terminal) => Promise<ExitCode>) => Promise<void>;

/** Text from elsewhere made safe to print: no control characters that would steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, "�");
}
