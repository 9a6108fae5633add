import { readFileSync } from "node:fs";
import type { JsonObject } from "../schemas/json.ts";
import { base } from "./pages/page.ts";
import { storefrontExperience } from "./storefront-experience.ts";

/** What the demo document needs to know of the server that it is made for. */
export type DemoInput = {
  /** Where browsers reach it: `http://127.0.0.1:8787`. */
  url: string;
  accountId: string;
  /** Id of a catalogue price that sells Premium Monthly; null where the account has none. */
  premiumPriceId: string | null;
  /** Keys that verify the demo site's user JWTs (RFC 7517). */
  jwks: { keys: JsonObject[] };
};

const source = (name: string) => readFileSync(new URL(`../workflows/${name}`, import.meta.url), "utf8");

/**
 * The demo's configuration. Surface `demo` is MonetizationOS's recipe word for word; surface `storefront` is the same
 * with this server's own addresses, and the plans of Allegro's example.
 */
export function demoConfig({ url, accountId, premiumPriceId, jwks }: DemoInput): JsonObject {
  const usd = (amountMinor: number, interval: string) => ({ currency: "usd", amountMinor, interval });
  return {
    products: [
      { slug: "digital", name: "Digital Access" },
      { slug: "print", name: "Print Edition" },
    ],
    plans: [
      plan("monthly", "Monthly Digital", ["digital"], "P1M", usd(999, "month")),
      plan("annual", "Annual Digital", ["digital"], "P1Y", usd(9900, "year")),
      plan("annual-print", "Annual Digital + Print", ["digital", "print"], "P1Y", usd(14900, "year")),
      plan("premium-monthly", "Premium Monthly", ["digital"], "P1M", {
        currency: "gbp",
        amountMinor: 1000,
        interval: "month",
      }),
    ],
    redemptionMethods: [
      method("stripe-checkout", "Stripe Checkout", source("stripe-checkout.wf.ts")),
      method("storefront-checkout", "Storefront checkout", source("storefront-checkout.wf.ts")),
    ],
    offers: [
      {
        slug: "premium",
        name: "Premium",
        method: "stripe-checkout",
        plans: ["premium-monthly"],
        presentation: { title: "Premium Monthly", price: "£10.00" },
        redemption: {
          accountId,
          mode: "subscription",
          prices: premiumPriceId === null ? [] : [{ price: premiumPriceId, quantity: 1 }],
        },
      },
      {
        slug: "subscribe",
        name: "Subscribe",
        method: "storefront-checkout",
        plans: ["monthly", "annual", "annual-print"],
        presentation: { title: "Keep reading", text: "Subscribe for full access." },
        redemption: { accountId },
        filters: { products: { include: [], exclude: ["digital"] } },
      },
    ],
    experiences: [
      premiumBanner,
      { slug: "storefront-paywall", type: "html", ...storefrontExperience, offers: ["subscribe"] },
    ],
    surfaces: [
      surface("demo", { slug: "paywall", cssSelector: "#gate", experience: "premium-banner" }),
      surface("storefront", { slug: "paywall", cssSelector: "#paywall", experience: "storefront-paywall" }),
    ],
    variables: demoVariables(url),
    userJwt: { algorithms: ["ES256"], jwks, issuer: "scrip-demo-site", audience: "scrip" },
  };
}

/** The variables of the demo's workflows: where its site is, and where the server itself is that buyers return to. */
export function demoVariables(url: string): { SITE_URL: string; SCRIP_URL: string } {
  return { SITE_URL: `${url}${base}`, SCRIP_URL: url };
}

function plan(slug: string, name: string, products: string[], duration: string, price: JsonObject): JsonObject {
  return { slug, name, products, duration, price };
}

function method(slug: string, name: string, workflow: string): JsonObject {
  return { slug, name, schema: "mos:stripe-checkout-instructions", workflow };
}

function surface(slug: string, component: { slug: string; cssSelector: string; experience: string }): JsonObject {
  const { experience, ...rest } = component;
  return { slug, components: [{ ...rest, slots: [{ key: "offer", experience }] }] };
}

const premiumBanner: JsonObject = {
  slug: "premium-banner",
  type: "html",
  html: "<h2>{{offer.presentation.title}}</h2>\n<p>{{offer.presentation.price}} a month</p>\n<button data-redeem>Subscribe</button>",
  css: "h2 { margin: 0 }",
  offers: ["premium"],
};
