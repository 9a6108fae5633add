import { createServer } from "node:http";
import { serveLocalStripe } from "../../local-stripe/serve.ts";

/**
 * A local Stripe in a process of its own, on any free port, which says where it is. Before it stands a memory of answers:
 * a session that was asked for once is answered at once from then on, so that it is not the local Stripe that is measured.
 */
const stripe = await serveLocalStripe({
  port: 0,
  secretKeys: ["sk_test_world"],
  catalogue: { account: { id: "acct_world", name: "The Test Times" } },
});
const headers = { authorization: "Bearer sk_test_world" };
const known = new Map<string, string>();

const memory = createServer((request, response) => {
  const path = request.url ?? "/";
  const answer = known.get(path);
  if (answer !== undefined) {
    response.setHeader("content-type", "application/json");
    response.end(answer);
    return;
  }
  void fetch(`${stripe.url}${path}`, { headers })
    .then((asked) => asked.text())
    .then((text) => {
      known.set(path, text);
      response.end(text);
    });
});
memory.listen(0, "127.0.0.1", () => {
  const address = memory.address();
  const port = typeof address === "object" ? address?.port : null;
  console.log(JSON.stringify({ url: stripe.url, memoryUrl: `http://127.0.0.1:${port}` }));
});
process.on("SIGTERM", () => {
  memory.close();
  void stripe.stop().then(() => process.exit(0));
});
