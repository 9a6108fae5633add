import { messageOf } from "../failure.ts";
import type { Terminal } from "../terminal.ts";
import { type Checked, find } from "./findings.ts";

const address = "https://api.stripe.com/healthcheck";
const waitMs = 10_000;

/** Stripe refuses and sends signatures that are up to five minutes old ("Verify webhook signatures"). */
const skewMs = 60_000;

/** Whether Stripe can be reached, and whether this machine's clock agrees with Stripe's. Sends no key. */
export async function checkStripe({ fetch }: Terminal): Promise<Checked> {
  const about = "Stripe";
  try {
    const { headers } = await fetch(address, { signal: AbortSignal.timeout(waitMs) });
    const theirs = Date.parse(headers.get("date") ?? "");
    const offMs = Number.isNaN(theirs) ? 0 : Date.now() - theirs;
    const findings =
      Math.abs(offMs) > skewMs
        ? [
            find(
              "clock_wrong",
              `This clock is ${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? "ahead of" : "behind"} Stripe's`,
            ),
          ]
        : [];
    return { about, seen: "reached, and the clocks agree", findings };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      about,
      seen: "",
      findings: [find("stripe_unreachable", `No answer from ${address}: ${messageOf(cause)}`)],
    };
  }
}
