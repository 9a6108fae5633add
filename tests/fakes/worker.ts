import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleWorker } from "../../api/build-worker.ts";
import { freePort } from "./free-port.ts";

/** That of `wrangler.toml`. */
export const compatibilityDate = "2026-10-01";

/** A Worker in workerd, as Miniflare runs it. */
export type RunningWorker = {
  url: string;
  /** What it wrote to its log. */
  log(): string;
  /** Lets the time of its cron trigger come. */
  scheduled(): Promise<void>;
  stop(): Promise<void>;
};

/** How a Worker is started: from this file, on this port, with these settings beside the loader. */
export type WorkerOptions = { entry?: string; port?: number; settings?: Record<string, string> };

const bundles = new Map<string | undefined, Promise<string>>();

function bundleOf(entry: string | undefined): Promise<string> {
  const bundle = bundles.get(entry) ?? bundleWorker(entry);
  bundles.set(entry, bundle);
  return bundle;
}

/** Bundles a Worker as for deploying and starts it with a loader binding. `stop` it. */
export async function startWorker({ entry, port, settings = {} }: WorkerOptions = {}): Promise<RunningWorker> {
  const log: string[] = [];
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "scrip",
      modules: [{ type: "ESModule", path: "worker.js", contents: await bundleOf(entry) }],
      compatibilityDate,
      bindings: settings,
      workerLoaders: { LOADER: {} },
      host: "127.0.0.1",
      port: port ?? (await freePort()),
      // the network is off
      cf: false,
      telemetry: { enabled: false },
      unsafeTriggerHandlers: true,
      handleStructuredLogs: ({ message }) => log.push(message),
    }),
  );
  const { origin } = await miniflare.ready;
  return {
    url: origin,
    log: () => log.join("\n"),
    async scheduled() {
      const answer = await fetch(`${origin}/cdn-cgi/local/scheduled?cron=*+*+*+*+*`);
      if (!answer.ok) throw new Error(`the cron trigger failed: ${await answer.text()}`);
    },
    stop: () => miniflare.dispose(),
  };
}
