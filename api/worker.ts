import guest from "scrip:guest";
import type { Engine } from "../engine/engine.ts";
import type { WorkerLoader } from "../engine/sandbox/worker-loader.ts";
import { isStorageError } from "../engine/storage-fault.ts";
import { runDueTasks } from "../engine/tasks/tasks.ts";
import { deliverDue } from "../engine/webhooks/deliver.ts";
import type { ErrorCode } from "../schemas/error-codes.ts";
import { statusOf } from "./errors.ts";
import { begin, engineOf, exchangeCounts, freshen, type Isolate, openIsolate } from "./worker-isolate.ts";
import { readWorkerSettings } from "./worker-settings.ts";

/** The bindings: settings and secrets as texts (`docs/workers.md`), and the loader of `wrangler.toml`. */
export type Bindings = { readonly LOADER: WorkerLoader; readonly [setting: string]: unknown };

/** What the runtime hands over with each event. */
export type Invocation = { waitUntil(work: Promise<unknown>): void };

/** The composition root on Cloudflare Workers. */
export default {
  /** Answers a request. What it leaves to be done is done after the answer. */
  async fetch(request: Request, bindings: Bindings, invocation: Invocation): Promise<Response> {
    const isolate = await isolateOf(bindings);
    if (isolate === null) return refusal("internal_error");
    const engine = engineOf(isolate);
    const rings = { heard: false };
    engine.webhookBell.listen(() => {
      rings.heard = true;
    });
    const answer = isolate.engines.run(engine, async () => {
      if (needsDatabase(request)) {
        await begin(isolate, engine);
        await freshen(isolate, engine);
      }
      return isolate.app.fetch(request);
    });
    // also where the visitor has left: a redemption that has begun goes to its end
    const after = () => afterwards(isolate, engine, rings.heard);
    invocation.waitUntil(answer.then(after, after));
    return answer.catch((fault: unknown) => {
      engine.onFault(fault, `${request.method} ${new URL(request.url).pathname} failed`);
      return refusal(isStorageError(fault) ? "storage_unavailable" : "internal_error");
    });
  },

  /** Runs the tasks whose time has come, and sends the webhooks that are due. `wrangler.toml` has it once a minute. */
  async scheduled(_event: unknown, bindings: Bindings): Promise<void> {
    const isolate = await isolateOf(bindings);
    if (isolate === null) throw new Error("the settings are not complete");
    const engine = engineOf(isolate);
    try {
      await begin(isolate, engine);
      await freshen(isolate, engine);
      await runDueTasks(engine, new AbortController().signal);
      await deliverDue(engine);
      await engine.events.flush();
    } finally {
      await close(engine);
    }
  },
};

let opened: Isolate | undefined;

/** The isolate's own, made by the first who asks; null when the settings are not complete, which is logged. */
async function isolateOf(bindings: Bindings): Promise<Isolate | null> {
  if (opened !== undefined) return opened;
  const read = readWorkerSettings(bindings);
  if (!read.ok) {
    console.error(JSON.stringify({ level: "error", msg: "Scrip cannot start", problems: read.problems }));
    return null;
  }
  const isolate = await openIsolate(read.settings, { loader: bindings.LOADER, guest });
  opened ??= isolate;
  return opened;
}

/** Events of decisions wait so long for others to be written with. */
const lingerMs = 200;

async function afterwards(isolate: Isolate, engine: Engine, hasWebhooks: boolean): Promise<void> {
  try {
    if (hasWebhooks) await deliverDue(engine);
    await exchangeCounts(isolate, engine);
    if (engine.events.waiting() > 0) {
      await new Promise((resolve) => setTimeout(resolve, lingerMs));
      await engine.events.flush();
    }
  } catch (fault) {
    engine.onFault(fault, "what was left for after the answer failed; events are kept and tried again");
  } finally {
    await close(engine);
  }
}

async function close(engine: Engine): Promise<void> {
  await engine.sandbox.close();
  engine.storage.close();
}

/** The rest is answered from the bundle, with a database or without. */
function needsDatabase(request: Request): boolean {
  return /^\/(api|\.well-known|readyz)\b/.test(new URL(request.url).pathname) && request.method !== "OPTIONS";
}

/** No word of what is missing: whoever asks may be anybody. */
function refusal(code: ErrorCode): Response {
  const statusCode = statusOf[code];
  const message = "The server cannot begin: its log says why";
  return Response.json({ status: "error", statusCode, message, code }, { status: statusCode });
}
