import { spawn } from "node:child_process";
import { once } from "node:events";
import { pacedRuns, runsAbreast } from "../series.ts";
import { serve } from "../serve.ts";

/**
 * What the machine itself takes for a run's messages: two there and back to a process that reads and writes as a sandbox
 * process does, and has nothing else to do. Of the length that the template's messages have.
 */
const program = `const fs = require("node:fs"), buffer = Buffer.alloc(65536);
for (let length; (length = fs.readSync(0, buffer)); ) fs.writeSync(1, buffer, 0, length);`;
const child = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
const message = Buffer.alloc(1000, "m");

async function thereAndBack(): Promise<void> {
  child.stdin.write(message);
  for (let heard = 0; heard < message.length; ) {
    const [bytes] = await once(child.stdout, "data");
    heard += Buffer.isBuffer(bytes) ? bytes.length : 0;
  }
}

async function messages(): Promise<void> {
  await thereAndBack();
  await thereAndBack();
}

await messages();
serve({
  idle: (question) => pacedRuns(async () => {}, question),
  machine: (question) => pacedRuns(messages, question),
  abreast: (question) => runsAbreast(messages, question),
});
