import { createClient } from "@libsql/client";
import { describe, test } from "vitest";
import { createStorage } from "../../engine/storage.ts";
import { noLibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import { describeStorage } from "./storage.ts";

for (const [name, address] of [
  ["a libSQL server over HTTP", "url"],
  ["a libSQL server over WebSocket", "wsUrl"],
  ["a libSQL server that asks for a token", "libsqlUrl"],
] as const) {
  if (noLibsqlServer !== null) {
    describe(name, () => test("is not tested here", ({ skip }) => skip(noLibsqlServer ?? "")));
    continue;
  }
  describeStorage(name, async () => {
    const server = await startLibsqlServer({ auth: address === "libsqlUrl" });
    const token = server.authToken === undefined ? {} : { authToken: server.authToken };
    return {
      open: () => createStorage(createClient({ url: server[address], ...token })),
      close: () => server.stop(),
    };
  });
}
