import { readFileSync } from "node:fs";

/** The seed's workflow, as it stands in `workflows/`. */
export const seedWorkflow = readFileSync(new URL("../../workflows/stripe-checkout.wf.ts", import.meta.url), "utf8");

/** A method whose workflow is given as text. */
export function method(slug: string, workflow: string, schema: string | null = null) {
  return { slug, name: slug, schema, workflow };
}

/** A configuration with the seed's offer on the surface `web`. Every test may change its copy. */
export function sampleConfig() {
  return {
    products: [
      { slug: "digital", name: "Digital Access" },
      { slug: "print", name: "Print Edition" },
    ],
    plans: [
      {
        slug: "monthly",
        name: "Monthly Digital",
        products: ["digital"],
        duration: "P1M" as string | null,
        price: { currency: "gbp", amountMinor: 1000, interval: "month" as string | null },
      },
    ],
    schemas: [] as unknown[],
    redemptionMethods: [method("stripe-checkout", seedWorkflow, "mos:stripe-checkout-instructions")],
    offers: [
      {
        slug: "premium",
        name: "Premium",
        method: "stripe-checkout",
        plans: ["monthly"] as string[],
        presentation: { title: "Premium Monthly", price: "£10.00" } as Record<string, unknown>,
        redemption: {
          accountId: "acct_world",
          mode: "subscription",
          prices: [{ price: "price_premium", quantity: 1 }],
        } as Record<string, unknown>,
        filters: {} as Record<string, unknown>,
        limits: {} as Record<string, unknown>,
      },
    ],
    experiences: [
      {
        slug: "premium-banner",
        type: "html",
        html: "<h2>{{offer.presentation.title}}</h2><button data-redeem>{{offer.presentation.price}}</button>",
        css: "h2 { margin: 0 }",
        js: "",
        offers: ["premium"],
      } as Record<string, unknown>,
    ],
    surfaces: [
      {
        slug: "web",
        components: [
          { slug: "paywall", cssSelector: "#gate", slots: [{ key: "offer", experience: "premium-banner" }] },
        ],
      },
    ] as unknown[],
    variables: { GREETING: "hello" } as Record<string, string>,
    allowedOrigins: ["https://news.example.com"],
    outboundOrigins: [] as string[],
  };
}
