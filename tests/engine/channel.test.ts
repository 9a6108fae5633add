import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createConnection, type Server, type Socket } from "node:net";
import { expect, test } from "vitest";
import { openChannel } from "../../engine/sandbox/channel.ts";

const listening = "tracing:net.server.listen:asyncEnd";

test("what one end says the other end hears, both ways", async () => {
  const heard: string[] = [];
  const { ours, theirs } = await openChannel((bytes) => heard.push(bytes.toString()));
  theirs.write("a report");
  ours.write("a command");
  theirs.resume();
  const [command] = await once(theirs, "data");
  expect(String(command)).toBe("a command");
  await expect.poll(() => heard.join("")).toBe("a report");
  theirs.destroy();
  await once(ours, "close");
});

test("a connection that the system drops is no channel", async () => {
  const drop = (message: unknown) => {
    const { server }: { server: Server } = Object(message);
    server.maxConnections = 0;
  };
  subscribe(listening, drop);
  const opening = openChannel(() => {}).finally(() => unsubscribe(listening, drop));
  await expect(opening).rejects.toThrow(/EPIPE|ECONNRESET|closed at once/);
});

test.each([
  { stranger: "says nothing", says: "" },
  { stranger: "guesses", says: "x".repeat(32) },
  { stranger: "says too little and leaves", says: "x" },
])("a stranger who connects first and $stranger is turned away", async ({ says }) => {
  const strangers: Socket[] = [];
  const intrude = (message: unknown) => {
    const { server }: { server: Server } = Object(message);
    const address = server.address();
    if (typeof address !== "string") throw new Error("a channel has a path");
    const stranger = createConnection({ path: address });
    if (says !== "") stranger.write(says);
    if (says.length === 1) stranger.end();
    strangers.push(stranger);
  };
  subscribe(listening, intrude);
  const { ours, theirs } = await openChannel(() => {}).finally(() => unsubscribe(listening, intrude));
  expect(strangers.length).toBe(1);
  const [stranger] = strangers;
  if (!stranger?.closed) await once(stranger ?? ours, "close");
  ours.write("a command");
  theirs.resume();
  expect(String((await once(theirs, "data"))[0])).toBe("a command");
  for (const end of [ours, theirs]) end.destroy();
});
