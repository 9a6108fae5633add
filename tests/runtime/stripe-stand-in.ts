import { once } from "node:events";
import { createServer } from "node:http";

/** A Stripe that answers when it is told to: what is asked of `/v1/balance` waits for `release`. */
export type StripeStandIn = { url: string; asked: Promise<void>; release(): void; close(): Promise<void> };

/** Listens on a port of its own. */
export async function startStripeStandIn(): Promise<StripeStandIn> {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    response.setHeader("content-type", "application/json");
    if (!request.url?.startsWith("/v1/balance")) {
      response.writeHead(404).end(JSON.stringify({ error: { type: "invalid_request_error" } }));
      return;
    }
    ask();
    await gate;
    response.end(JSON.stringify({ object: "balance", livemode: false }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    release,
    async close() {
      release();
      server.closeAllConnections();
      server.close();
    },
  };
}
