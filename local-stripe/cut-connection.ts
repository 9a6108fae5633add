import { IncomingMessage } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context as HonoContext } from "hono";
import * as v from "valibot";

/** What a client in the same process is told when its connection was cut: what `fetch` says of a broken network. */
export class ConnectionCut extends TypeError {
  constructor() {
    super("fetch failed", { cause: new Error("other side closed") });
  }
}

/** Gives no answer: on a listening server the socket is destroyed, in-process a `ConnectionCut` is thrown. */
export function cutConnection(c: HonoContext): Response {
  const served = v.safeParse(bindings, c.env);
  if (!served.success) {
    throw new ConnectionCut();
  }
  served.output.incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}

/** Whether an answer stands for a connection that was cut. */
export function isCut(response: Response): boolean {
  return response.headers.has("x-hono-already-sent");
}

/** What @hono/node-server puts in the environment of a request. */
const bindings = v.object({ incoming: v.instance(IncomingMessage) });
