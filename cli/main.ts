import { nodeTerminal } from "./node-terminal.ts";
import { runScrip } from "./program.ts";

process.exitCode = await runScrip(nodeTerminal(), process.argv.slice(2));
