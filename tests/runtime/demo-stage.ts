import { expect } from "vitest";
import { sandboxChildren } from "../engine/sandbox-children.ts";
import { type ServerProcess, startServer, temporaryFolder } from "./server-process.ts";

const identity = { userIdentifier: "buyer@example.com" };

/** A server process with the demo. `children` are its sandbox processes; `redeem` takes the token that was decided last. */
export type DemoStage = {
  server: ServerProcess;
  children: number[];
  decide(): Promise<unknown>;
  redeem(): Promise<Response>;
  close(): Promise<void>;
};

/** A server with a demo whose offer is redeemed by a workflow of the test's. */
export async function openDemoStage(
  workflow: string,
  budgets: object,
  env: Record<string, string> = {},
): Promise<DemoStage> {
  const { path, remove } = await temporaryFolder();
  const server = await startServer(path, { STRIPE_SECRET_KEY: "sk_test_drain", ...env });
  const close = async () => {
    if (server.child.exitCode === null && server.child.signalCode === null) await server.end("SIGKILL");
    await remove();
  };
  const { adminToken, secretKey, surfaceSlug, environmentId } = await server.dev();
  const send = (verb: string, where: string, key: string, body?: unknown) =>
    fetch(server.url + where, {
      method: verb,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const config = `/api/v1/manage/environments/${environmentId}/config`;
  const { config: document } = await read(send("GET", config, adminToken));
  for (const method of document.redemptionMethods) method.workflow = workflow;
  expect((await send("PUT", config, adminToken, { ...document, budgets })).status).toBe(200);
  let offerToken = "";
  const decide = async () => {
    const decision = await read(send("POST", "/api/v1/surface-decisions", secretKey, { surfaceSlug, identity }));
    offerToken = decision.offers[0].token;
    return decision;
  };
  await decide();
  const redeem = () => send("POST", "/api/v1/offer-redemptions", secretKey, { identity, offerToken });
  return { server, children: sandboxChildren(server.child.pid), decide, redeem, close };
}

/** A body, whatever it is: the assertions say what it must be. */
async function read(response: Response | Promise<Response>) {
  return JSON.parse(await (await response).text());
}
