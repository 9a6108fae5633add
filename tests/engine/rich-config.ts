import { sampleConfig, seedWorkflow } from "../fakes/sample-config.ts";

/** A document that uses every part of the configuration. Every call makes a new one. */
export function richConfig() {
  const sample = sampleConfig();
  return {
    products: sample.products,
    plans: [
      ...sample.plans,
      {
        slug: "forever",
        name: "For Ever",
        products: ["digital", "print"],
        duration: null,
        price: { currency: "gbp", amountMinor: 50_000, interval: null },
        onRefund: "keep",
      },
    ],
    schemas: [
      {
        id: "acme:gift@1.0",
        purpose: "offer-redemption",
        jsonSchema: {
          type: "object",
          required: ["code"],
          properties: { code: { type: "string" }, lines: { type: "array", items: { type: "number" } } },
        },
      },
      {
        id: "acme:banner@1.0",
        purpose: "offer-presentation",
        jsonSchema: { type: "object", required: ["title"], properties: { title: { type: "string" } } },
      },
      {
        id: "acme:card@1.0",
        purpose: "experience",
        jsonSchema: { type: "object", properties: { tone: { enum: ["warm", "cold"] } } },
      },
    ],
    redemptionMethods: [
      { slug: "checkout", name: "Checkout", schema: "mos:stripe-checkout-instructions", workflow: seedWorkflow },
      { slug: "gift", name: "Gift", schema: "acme:gift@1.0", workflow: "export default () => ({ success: true });" },
    ],
    offers: [
      {
        slug: "premium",
        name: "Premium",
        method: "checkout",
        plans: ["monthly", "forever"],
        presentationSchema: "acme:banner@1.0",
        presentation: { title: "Premium", nested: { list: [1, null, true, "£"] } },
        redemption: {
          accountId: "acct_world",
          prices: [
            { price: "price_premium", plan: "monthly" },
            { price: "price_day", quantity: 2, plan: "forever" },
          ],
        },
        filters: {
          from: "2026-01-01T00:00:00Z",
          until: "2027-01-01T00:00:00.000Z",
          userType: "authenticated",
          countries: ["GB", "FR"],
          plans: { include: ["monthly"], exclude: ["forever"] },
          products: { include: ["digital"], exclude: ["print"] },
          testGroup: { from: 0, to: 49 },
        },
        limits: { total: 100, perCustomer: 1 },
        published: false,
      },
      { slug: "present", name: "Present", method: "gift", redemption: { code: "X", lines: [1, 2] } },
    ],
    experiences: [
      {
        slug: "banner",
        type: "html",
        html: "{{#offers}}<b>{{presentation.title}}</b>{{/offers}}",
        css: "b {}",
        js: "1;",
        offers: ["premium", "present"],
      },
      { slug: "card", type: "app", schema: "acme:card@1.0", props: { tone: "warm" }, offers: ["premium"] },
    ],
    surfaces: [
      {
        slug: "web",
        type: "web-content",
        components: [
          {
            slug: "paywall",
            cssSelector: "#gate",
            metadata: { a: [1] },
            slots: [
              { key: "one", experience: "banner", placement: "before" },
              { key: "two", experience: null },
            ],
          },
        ],
      },
      { slug: "app", type: "app-content" },
    ],
    features: [],
    variables: { GREETING: "hello", Empty_1: "" },
    allowedOrigins: ["https://news.example.com", "http://localhost:3000"],
    outboundOrigins: ["https://api.example.com"],
    userJwt: {
      algorithms: ["EdDSA", "ES256"],
      jwksUri: "https://id.example.com/jwks.json",
      issuer: "me",
      audience: "a",
    },
    budgets: { wallMs: 5000 },
    offerTokenTtlSeconds: 3600,
  };
}
