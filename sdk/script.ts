import { createClient } from "./create-client.ts";
import { isRecord, warn } from "./page.ts";

/** The entry of `/client.js`: makes the client of the script's own address, and takes the place of the queue. */

/** The server that serves the script writes its default public key here. */
const defaultKey = "__SCRIP_PUBLIC_KEY__";

/** Loaders that evaluate scripts later leave no current script: it is found by its name. */
const script =
  document.currentScript instanceof HTMLScriptElement
    ? document.currentScript
    : document.querySelector<HTMLScriptElement>('script[src*="/client.js"]');

try {
  start(script);
} catch (fault) {
  warn("the client could not start", fault);
}

function start(element: HTMLScriptElement | null): void {
  const queues: unknown[] = [Reflect.get(window, "allegro"), Reflect.get(window, "scrip")];
  // loaded before
  if (queues.some((queue) => isRecord(queue) && isRecord(queue.purchase) && "initiate" in queue.purchase)) return;
  const address = new URL(element?.src || location.href);
  const client = createClient({
    baseUrl: element?.dataset.apiUrl ?? address.origin,
    key: address.searchParams.get("key") ?? element?.dataset.key ?? defaultKey,
  });
  window.allegro = client;
  window.scrip = client;
  for (const queue of new Set(queues)) {
    if (!Array.isArray(queue)) continue;
    // a page may have kept the array
    queue.push = (...later) => {
      client.push(...later);
      return queue.length;
    };
    client.push(...queue);
  }
}
