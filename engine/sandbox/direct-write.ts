import { writeSync } from "node:fs";
import type { Writable } from "node:stream";

/**
 * Writes to a process's pipe at once as far as there is room, and the rest by its stream. Both end in the same system call, but
 * a stream's way there is an eighth of what a run takes of the engine's CPU time. In order, whichever way each part goes.
 */
export function writeDirectly(pipe: Writable, bytes: Buffer): void {
  // what the stream still has must go first
  const sent = pipe.writableLength === 0 ? writeNow(descriptorOf(pipe), bytes) : 0;
  if (sent < bytes.length) pipe.write(bytes.subarray(sent));
}

/** How many bytes there was room for; none when it cannot be written to, which the stream will then find out as well. */
function writeNow(descriptor: number | undefined, bytes: Buffer): number {
  if (descriptor === undefined) return 0;
  try {
    return writeSync(descriptor, bytes);
  } catch {
    return 0;
  }
}

/** Node has no public name for it. There is none after the stream was closed, nor where pipes are no descriptors. */
function descriptorOf(pipe: Writable): number | undefined {
  const handle: unknown = Reflect.get(pipe, "_handle");
  const descriptor: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined;
  return typeof descriptor === "number" && descriptor >= 0 ? descriptor : undefined;
}
