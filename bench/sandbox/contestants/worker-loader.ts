import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import * as v from "valibot";
import { checkoutModule, checkResult, inputOf } from "../job.ts";
import { pacedRuns } from "../series.ts";
import { pacedAnswers, serve } from "../serve.ts";

/**
 * Cloudflare's Worker Loader in workerd under Miniflare. An engine there would be a Worker itself, and its clock has
 * milliseconds only: so runs are asked for over a WebSocket, and `echo` tells what the way there and back takes.
 */
const Reply = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ result: v.optional(v.unknown()), error: v.optional(v.string()) }),
);

const { script } = await checkoutModule();
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    modules: true,
    script: await readFile(join(import.meta.dirname, "loader-worker.js"), "utf8"),
    compatibilityDate: "2026-10-01",
    bindings: { SCRIPT: script },
    workerLoaders: { LOADER: {} },
  }),
);
const address = await miniflare.ready;
const socket = new WebSocket(address.href.replace(/^http/, "ws"));
await once(socket, "open");
let made = 0;

async function ask(kind: "warm" | "cold" | "echo"): Promise<void> {
  made += 1;
  const n = made;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  socket.addEventListener("message", ({ data }) => resolve(data), { once: true });
  socket.send(JSON.stringify({ kind, n, input: JSON.stringify(inputOf(n)) }));
  const { result, error } = v.parse(Reply, await promise);
  if (error !== undefined) throw new Error(error);
  if (kind !== "echo") checkResult(n, result);
}

serve({
  ...pacedAnswers(
    () => ask("warm"),
    () => ask("cold"),
  ),
  echo: (question) => pacedRuns(() => ask("echo"), question),
});
