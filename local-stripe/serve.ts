import { serve } from "@hono/node-server";
import { createLocalStripe, type LocalStripe, type LocalStripeOptions } from "./local-stripe.ts";

/** A local Stripe that listens. */
export interface ListeningStripe extends LocalStripe {
  /** Its origin, `http://127.0.0.1:8788`. */
  url: string;
  /** Stops listening, then closes the file. */
  stop(): Promise<void>;
}

/** Starts a local Stripe on a port of the loopback interface; port 0 takes any free one. */
export function serveLocalStripe(
  options: Omit<LocalStripeOptions, "publicUrl"> & { port: number; publicUrl?: string },
): Promise<ListeningStripe> {
  const { port, publicUrl, ...rest } = options;
  let url = `http://127.0.0.1:${port}`;
  const local = createLocalStripe({ ...rest, publicUrl: () => publicUrl ?? url });
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: local.app.fetch, port, hostname: "127.0.0.1" }, (address) => {
      url = `http://127.0.0.1:${address.port}`;
      resolve({ ...local, url, stop });
    });
    server.once("error", (error) => {
      local.close();
      reject(error);
    });
    const stop = () =>
      new Promise<void>((done) => {
        server.close(() => {
          local.close();
          done();
        });
      });
  });
}
