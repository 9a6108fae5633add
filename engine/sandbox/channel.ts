import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Two ends of one connection: `ours` is read here, `theirs` is handed to a process that is started. */
export type Channel = { ours: Socket; theirs: Socket };

const proofBytes = 32;
const readBytes = 64 << 10;

/**
 * Connects two ends for a process's standard output. What arrives at `ours` goes to `onBytes`, in a buffer that is used
 * again afterwards: a pipe as Node makes it has a new one for each message, and reading it takes twice the CPU time. Rejects
 * when there can be no connection.
 */
export async function openChannel(onBytes: (bytes: Buffer) => void): Promise<Channel> {
  const name = `scrip-${randomBytes(16).toString("hex")}`;
  // on Linux it is a name without a file, so that a container's disk may be read-only
  const path = process.platform === "linux" ? `\0${name}` : join(tmpdir(), name);
  const proof = randomBytes(proofBytes);
  const server = createServer({ pauseOnConnect: true });
  const admitted = admit(server, proof);
  try {
    await once(server.listen(path), "listening");
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const callback = (length: number) => {
      onBytes(buffer.subarray(0, length));
      return true;
    };
    const ours = createConnection({ path, onread: { buffer, callback } });
    await once(ours, "connect");
    ours.write(proof);
    // without a descriptor to accept it with, the system closes it again
    const closed = once(ours, "close").then(() => Promise.reject(new Error("the connection was closed at once")));
    return { ours, theirs: await Promise.race([admitted, closed]) };
  } finally {
    server.close();
  }
}

/** The connection that presents the proof. Whoever else connects in the meantime has none, and is turned away. */
function admit(server: Server, proof: Buffer): Promise<Socket> {
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const guests = new Set<Socket>();
  server.on("connection", (guest) => {
    guests.add(guest);
    guest.on("error", () => guest.destroy());
    guest.once("readable", () => {
      const presented: Buffer | null = guest.read(proofBytes);
      if (presented === null || !timingSafeEqual(presented, proof)) {
        guest.destroy();
        return;
      }
      guests.delete(guest);
      for (const stranger of guests) stranger.destroy();
      resolve(guest);
    });
  });
  return promise;
}
