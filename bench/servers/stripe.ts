import { serveLocalStripe } from "../../local-stripe/serve.ts";

/** A local Stripe in a process of its own, on any free port: says where it is. */
const stripe = await serveLocalStripe({
  port: 0,
  secretKeys: ["sk_test_world"],
  catalogue: { account: { id: "acct_world", name: "The Test Times" } },
});
console.log(JSON.stringify({ url: stripe.url }));
process.on("SIGTERM", () => {
  void stripe.stop().then(() => process.exit(0));
});
