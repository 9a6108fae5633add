import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { ChildProgram } from "./child-program.ts";

/** A running sandbox process: commands go to `stdin`, its last words come from `stderr`. What it reports comes by its channel. */
export type Child = { process: ChildProcess; stdin: Writable; stderr: Readable };

const nodeFlags = ["--no-node-snapshot", "--jitless", "--no-warnings", "--permission", "--allow-addons"];

/**
 * Each run leaves a realm behind: these take a fourth off what that costs. A scavenge would find it alive still, held by what was
 * promoted before: the young space is large enough that there are few before the next collection of all, which is in one go and
 * on the only thread there is.
 */
const collectorFlags = [
  "--single-threaded",
  "--no-incremental-marking",
  "--min-semi-space-size=4",
  "--max-semi-space-size=4",
  // made anew in each realm, and taken out of it again by the guest's lockdown
  "--no-harmony-temporal",
];

/**
 * All that stands on the command line: takes the program (its length in bytes as a u32, then its text) from fd 0, ahead of
 * the commands, and runs it. As an argument the program would fill every listing of processes; as a file it would have to
 * be written somewhere, and the process be let read it.
 */
const loader = `const{readSync}=require("node:fs");
function take(size){const bytes=Buffer.alloc(size);for(let at=0;at<size;){const got=readSync(0,bytes.subarray(at));if(!got)process.exit();at+=got}return bytes}
require("node:vm").compileFunction(take(take(4).readUInt32BE()).toString(),["require"],{filename:"scrip:sandbox"})(require)`;

/**
 * A second, tiny process that waits for the engine's end of fd 3 to close and then kills the sandbox process (`$$`, which
 * node takes over). Without it a process that loops in native code would outlive an engine that was itself killed.
 */
const guardian = "( exec 0<&- 1>&- 2>&-; read -r _ <&3; kill -9 $$ ) &";

/**
 * Starts a sandbox process with as little as it can have: no environment but its time zone, no right to files except
 * isolated-vm's, to processes, to threads or (from Node 26) to the network, no core dumps, and on Linux a bound on the
 * memory it may write to. `--jitless` removes WebAssembly and the compilers, a wide field for attacks. It ends when
 * its standard input closes, and at the latest with the calling process.
 */
export function spawnChild({ program, readable }: ChildProgram, writableKib: number, theirs: Socket): Child {
  // not -v: on Node 26 every isolate reserves 256 MiB of address space that it never writes to
  const limits = process.platform === "linux" ? `ulimit -d ${writableKib} && ulimit -c 0` : "ulimit -c 0";
  const shell = `${limits} && unset PWD || exit 1; ${guardian} exec "$0" "$@" 3<&-`;
  // node-gyp-build looks at /etc/alpine-release to tell musl from glibc
  const files = [...readable, "/etc/alpine-release"].map((path) => `--allow-fs-read=${path}`);
  const flags = [...nodeFlags, ...collectorFlags, ...files];
  const child = start(["-c", shell, process.execPath, ...flags, "-e", loader], theirs);
  const { stdin, stderr } = child;
  if (!(stdin && stderr)) throw new Error("the system has no descriptor or no process left for it");
  const lifeline = child.stdio[3];
  lifeline?.on("error", () => {});
  child.once("exit", () => lifeline?.destroy());
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(program));
  stdin.write(length);
  stdin.write(program);
  return { process: child, stdin, stderr };
}

function start(given: string[], theirs: Socket): ChildProcess {
  try {
    const child = spawn("/bin/sh", given, { env: { TZ: "UTC" }, stdio: ["pipe", theirs, "pipe", "pipe"], cwd: "/" });
    // without a descriptor left it has no pipes, and says why only after that has been found
    child.on("error", () => {});
    return child;
  } finally {
    // the process has its own now, and this one would keep the connection open when it has ended
    theirs.destroy();
  }
}
