import type { Socket } from "node:net";
import * as v from "valibot";
import type { ProcessEndReason } from "../sandbox.ts";
import { type Channel, openChannel } from "./channel.ts";
import type { ChildProgram } from "./child-program.ts";
import { writeDirectly } from "./direct-write.ts";
import { createFrameReader, encodeFrame, type Frame } from "./frames.ts";
import { reportMaxBytes } from "./limits.ts";
import { type Command, Report } from "./protocol.ts";
import { type Child, spawnChild } from "./spawn-child.ts";

/** Why a process is no more. */
export type ProcessEnd = { reason: ProcessEndReason; message: string };

/** What its owner is told: `onReport` once per slice, `onEnd` once, last. `body` is the guest's and not parsed yet. */
export type ProcessEvents = {
  onReady(): void;
  onReport(report: Exclude<Report, { kind: "ready" }>, body: string): void;
  onEnd(end: ProcessEnd): void;
};

/** One sandbox process. `send` may be called once it is ready; `kill` names the reason that `onEnd` will get. */
export type SandboxProcess = {
  pid(): number | undefined;
  send(command: Command, body: string): void;
  kill(end: ProcessEnd): void;
  readonly ended: Promise<void>;
};

/** What all the processes of a pool have in common. */
export type ProcessTerms = {
  program: Promise<ChildProgram>;
  writableKib: number;
  idleIsolates: number;
  startMs: number;
};

type State = {
  channel: Channel | undefined;
  child: Child | undefined;
  /** Ends the process if it is not ready by then. */
  startTimer: NodeJS.Timeout | undefined;
  death: ProcessEnd | undefined;
  lastWords: string;
  saidChars: number;
  isReady: boolean;
};

type Kill = (end: ProcessEnd) => void;

/** Of a process's last words: V8 writes some kilobytes when it ends. */
const lastWordsMax = 1 << 20;

const outsideSignals: readonly string[] = ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"];
const memoryWords = /out of memory|allocation failed|failed to allocate|bad_alloc|OOM/i;

/** Starts a sandbox process. Never throws: a process that cannot start ends as `crashed`. */
export function startProcess(terms: ProcessTerms, events: ProcessEvents): SandboxProcess {
  const state: State = {
    channel: undefined,
    child: undefined,
    startTimer: undefined,
    death: undefined,
    lastWords: "",
    saidChars: 0,
    isReady: false,
  };
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const finish = (end: ProcessEnd) => {
    clearTimeout(state.startTimer);
    state.channel?.ours.destroy();
    resolve();
    events.onEnd(end);
  };
  const kill = (end: ProcessEnd) => {
    state.death ??= end;
    state.child?.process.kill("SIGKILL");
  };
  const begin = async () => {
    const [program, channel] = await Promise.all([terms.program, openChannel(reading(state, events, kill))]);
    state.channel = channel;
    if (state.death) {
      channel.theirs.destroy();
      finish(state.death);
      return;
    }
    state.child = spawnChild(program, terms.writableKib, channel.theirs);
    const late = `the sandbox process was not ready after ${terms.startMs} ms`;
    state.startTimer = setTimeout(() => kill({ reason: "crashed", message: late }), terms.startMs);
    listen(state, channel.ours, state.child, { finish, kill });
    const hello: Command = { do: "hello", idleIsolates: terms.idleIsolates };
    state.child.stdin.write(encodeFrame(JSON.stringify(hello), program.prelude));
  };
  begin().catch((error: unknown) =>
    finish({ reason: "crashed", message: `the sandbox cannot be built: ${String(error)}` }),
  );
  let outgoing: Buffer[] = [];
  const flush = () => {
    const [first, ...more] = outgoing;
    outgoing = [];
    if (first && state.child)
      writeDirectly(state.child.stdin, more.length === 0 ? first : Buffer.concat([first, ...more]));
  };
  return {
    pid: () => state.child?.process.pid,
    send: (command, body) => {
      // a run is dropped and the next one begun in the same turn: a write wakes the process, one is enough
      if (outgoing.length === 0) queueMicrotask(flush);
      outgoing.push(encodeFrame(JSON.stringify(command), body));
    },
    kill,
    ended,
  };
}

/** Takes the process's reports as they come. */
function reading(state: State, events: ProcessEvents, kill: Kill): (bytes: Buffer) => void {
  const read = createFrameReader(reportMaxBytes, (frame) => {
    if (!state.death) hear(state, frame, events, kill);
  });
  return (bytes) => {
    try {
      read(bytes);
    } catch (error) {
      kill({ reason: "lied", message: `the sandbox process broke the protocol: ${String(error)}` });
    }
  };
}

function listen(state: State, ours: Socket, child: Child, { finish, kill }: { finish: Kill; kill: Kill }): void {
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    state.saidChars += text.length;
    state.lastWords = (state.lastWords + text).slice(-4096);
    if (state.saidChars > lastWordsMax) kill({ reason: "lied", message: "the sandbox process does not stop talking" });
  });
  // it no longer listens, so it is ending or has ended: the autopsy tells why. What it has reported is read all the same
  child.stdin.on("error", () => child.process.kill("SIGKILL"));
  ours.on("error", () => child.process.kill("SIGKILL"));
  const { promise: allRead, resolve } = Promise.withResolvers<void>();
  ours.once("close", () => resolve());
  child.process.once("error", (error) => {
    state.death ??= { reason: "crashed", message: `the sandbox process cannot be started: ${error.message}` };
    if (child.process.pid === undefined) finish(state.death);
  });
  child.process.once("close", async (code, signal) => {
    if (child.process.pid === undefined) return;
    await allRead;
    finish(state.death ?? autopsy(code, signal, state.lastWords));
  });
}

function hear(state: State, frame: Frame, events: ProcessEvents, kill: Kill): void {
  const report = v.safeParse(Report, JSON.parse(frame.header));
  // it says once that it is ready, and nothing before
  const isFit = report.success && (report.output.kind === "ready") !== state.isReady;
  if (!isFit) kill({ reason: "lied", message: "the sandbox process broke the protocol" });
  else if (report.output.kind === "ready") {
    clearTimeout(state.startTimer);
    state.isReady = true;
    events.onReady();
  } else events.onReport(report.output, frame.body);
}

/** V8 ends a process that is out of memory by a trap or an abort, mostly after saying so. */
function autopsy(code: number | null, signal: string | null, lastWords: string): ProcessEnd {
  if (signal !== null && outsideSignals.includes(signal)) {
    return { reason: "killed", message: `the sandbox process was ended from outside (${signal})` };
  }
  if (memoryWords.test(lastWords) || signal === "SIGTRAP" || signal === "SIGABRT") {
    return { reason: "out-of-memory", message: "the sandbox process ran out of memory" };
  }
  return {
    reason: "crashed",
    message: `the sandbox process crashed (${signal ?? `exit ${code}`}): ${lastWords.slice(-500)}`,
  };
}
