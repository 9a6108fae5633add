import { serve } from "@hono/node-server";
import { createWorld } from "../../tests/fakes/world.ts";

/**
 * Decisions with one offer, as a site asks for them: a real database in a file, events written. Arguments switch one
 * thing: `anonymous`; `dry`, no events; `ask-all`, the database is asked about every known user.
 */
const switches = process.argv.slice(2);
// one key asks for all of it, and the clock stands still: every request is counted and none is too many
const world = await createWorld({ rateLimits: { keyPerSecond: 1e9 } });
world.clock.set(Date.now());
if (!switches.includes("ask-all")) await world.engine.holders.refresh();
const server = serve({ fetch: world.app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  const anonymous = switches.includes("anonymous");
  const identity = anonymous ? { anonymousIdentifier: "anon_1" } : { userIdentifier: "buyer@example.com" };
  const headers = { authorization: `Bearer ${world.secretKey}` };
  const url = `http://127.0.0.1:${port}/api/v1/surface-decisions`;
  console.log(
    JSON.stringify({ url, body: { surfaceSlug: "web", identity, dryRun: switches.includes("dry") }, headers }),
  );
});
process.on("SIGTERM", () => {
  server.close(() => world.close().then(() => process.exit(0)));
});
