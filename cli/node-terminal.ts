import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createColors } from "picocolors";
import type { Terminal } from "./terminal.ts";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** The terminal that this process runs in. Colours obey NO_COLOR (no-color.org), FORCE_COLOR and TERM. */
export function nodeTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process;
  endQuietlyWhenUnread(stdout);
  return {
    cwd: process.cwd(),
    packageDir: fileURLToPath(new URL("..", import.meta.url)),
    env,
    fetch,
    colors: createColors(wantsColors(env, stdout.isTTY === true)),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    out: (line) => stdout.write(`${line}\n`),
    note: (line) => stderr.write(`${line}\n`),
    ask: (question) => askLine(question, stdin, stderr),
    async working(what, work) {
      const stop = stderr.isTTY === true && env.TERM !== "dumb" ? spin(stderr, what) : () => undefined;
      try {
        return await work();
      } finally {
        stop();
      }
    },
  };
}

function wantsColors(env: NodeJS.ProcessEnv, isTty: boolean): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "") return env.FORCE_COLOR !== "0";
  return isTty && env.TERM !== "dumb";
}

/** Ctrl-C and the end of the input answer with nothing. */
function askLine(question: string, input: NodeJS.ReadStream, output: NodeJS.WriteStream): Promise<string> {
  const reader = createInterface({ input, output });
  return new Promise((answer) => {
    const endLine = () => {
      output.write("\n");
      answer("");
    };
    reader.once("close", endLine);
    reader.question(question, (line) => {
      answer(line);
      reader.off("close", endLine).close();
    });
  });
}

/** Shows what is being done after a moment, and for how long already. Gives back what ends it. */
function spin(stream: NodeJS.WriteStream, what: string): () => void {
  const startedMs = performance.now();
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - startedMs;
    const frame = frames[Math.floor(elapsedMs / 100) % frames.length];
    const seconds = elapsedMs < 2000 ? "" : ` ${Math.floor(elapsedMs / 1000)} s`;
    stream.write(`\r\x1b[K${frame} ${what}…${seconds}`);
  }, 100);
  return () => {
    clearInterval(timer);
    stream.write("\r\x1b[K");
  };
}

/** `scrip … | head` closes the pipe: nobody reads on, which is no fault. */
function endQuietlyWhenUnread(stream: NodeJS.WriteStream): void {
  stream.on("error", (error) => {
    if ("code" in error && error.code === "EPIPE") process.exit(0);
    throw error;
  });
}
