import { run } from "../api/node.ts";
import type { ExitCode } from "./terminal.ts";

/** `scrip start`: starts the server. It goes on listening when this resolves. */
export async function startServer(): Promise<ExitCode> {
  await run();
  return 0;
}
