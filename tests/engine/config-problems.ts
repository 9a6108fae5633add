// Past 250 lines: a table, one row a problem.
import { richConfig } from "./rich-config.ts";

/** What is wrong, the document, and the path and words of every problem that must be told. */
export type ConfigProblem = [what: string, document: unknown, problems: [path: string, message: RegExp][]];

const any = /^\S.{3,}/;
const withPart = (part: object) => ({ ...richConfig(), ...part });

/** The document with the first member of a section changed. */
function withFirst(section: "plans" | "schemas" | "offers", change: object): unknown {
  const document = richConfig();
  const [first, ...rest]: object[] = document[section];
  return { ...document, [section]: [{ ...first, ...change }, ...rest] };
}

const offer = (change: object) => withFirst("offers", change);
const filters = (change: object) => offer({ filters: change });
const plan = (change: object) => withFirst("plans", change);
const slots = (list: object[]) => withPart({ surfaces: [{ slug: "web", components: [{ slug: "c", slots: list }] }] });

const jwk = { kty: "EC", crv: "P-256", x: "x", y: "y" };
const userJwt = (change: object) => withPart({ userJwt: { algorithms: ["ES256"], ...change } });

/** One plan and no catalogue prices, so that each case of what is sold stands alone. */
const stripe = (change: object) => ({
  ...richConfig(),
  offers: [
    { slug: "o", name: "O", method: "checkout", plans: ["monthly"], redemption: { accountId: "acct_1", ...change } },
  ],
  experiences: [],
  surfaces: [],
});

const method = (change: object) => {
  const document = richConfig();
  const [first, ...rest] = document.redemptionMethods;
  return {
    ...document,
    redemptionMethods: [{ ...first, ...change }, ...rest],
    offers: [],
    experiences: [],
    surfaces: [],
  };
};

/** The form of each part. */
export const formProblems: ConfigProblem[] = [
  ["an unknown section", withPart({ coupons: [] }), [["coupons", any]]],
  ["a section that is an object", withPart({ products: {} }), [["products", any]]],
  [
    "a slug in capitals",
    withPart({ products: [{ slug: "Digital", name: "D" }], ...nothingElse() }),
    [["products.0.slug", /lower-case/]],
  ],
  [
    "an empty slug",
    withPart({ products: [{ slug: "", name: "D" }], ...nothingElse() }),
    [["products.0.slug", /lower-case/]],
  ],
  [
    "a slug that ends in a hyphen",
    withPart({ products: [{ slug: "a-", name: "D" }], ...nothingElse() }),
    [["products.0.slug", /lower-case/]],
  ],
  [
    "a product without a name",
    withPart({ products: [{ slug: "d" }], ...nothingElse() }),
    [["products.0.name", /missing/]],
  ],
  ["an empty name", withPart({ products: [{ slug: "d", name: "" }], ...nothingElse() }), [["products.0.name", any]]],
  [
    "an unknown member",
    withPart({ products: [{ slug: "d", name: "D", colour: "red" }], ...nothingElse() }),
    [["products.0.colour", /unknown|not known|no such/i]],
  ],
  ["a plan without products", plan({ products: [] }), [["plans.0.products", /at least one product/]]],
  ["a duration without P", plan({ duration: "1M" }), [["plans.0.duration", /ISO 8601 duration/]]],
  [
    "a duration of P alone",
    plan({ duration: "P" }),
    [
      ["plans.0.duration", /ISO 8601/],
      ["plans.0.duration", /longer/],
    ],
  ],
  ["a duration in hours", plan({ duration: "PT1H" }), [["plans.0.duration", /ISO 8601 duration/]]],
  ["a duration of nothing", plan({ duration: "P0M" }), [["plans.0.duration", /longer than nothing/]]],
  [
    "a currency in capitals",
    plan({ price: { currency: "GBP", amountMinor: 1 } }),
    [["plans.0.price.currency", /ISO 4217/]],
  ],
  [
    "a price below nothing",
    plan({ price: { currency: "gbp", amountMinor: -1 } }),
    [["plans.0.price.amountMinor", any]],
  ],
  [
    "a price in fractions",
    plan({ price: { currency: "gbp", amountMinor: 9.99 } }),
    [["plans.0.price.amountMinor", any]],
  ],
  [
    "a price as a text",
    plan({ price: { currency: "gbp", amountMinor: "1000" } }),
    [["plans.0.price.amountMinor", any]],
  ],
  [
    "an unknown interval",
    plan({ price: { currency: "gbp", amountMinor: 1, interval: "fortnight" } }),
    [["plans.0.price.interval", any]],
  ],
  ["an unknown onRefund", plan({ onRefund: "maybe" }), [["plans.0.onRefund", any]]],
  ["a schema id without a version", withFirst("schemas", { id: "acme:gift" }), [["schemas.0.id", /acme:gift@1\.0/]]],
  ["a schema id of ours", withFirst("schemas", { id: "mos:gift@1.0" }), [["schemas.0.id", /acme:gift@1\.0/]]],
  ["an unknown purpose", withFirst("schemas", { purpose: "decoration" }), [["schemas.0.purpose", any]]],
  ["a JSON Schema that is a list", withFirst("schemas", { jsonSchema: [] }), [["schemas.0.jsonSchema", any]]],
  [
    "an empty workflow",
    method({ workflow: "" }),
    [
      ["redemptionMethods.0.workflow", any],
      ["redemptionMethods.0.workflow", /no default export/],
    ],
  ],
  ["a presentation that is a text", offer({ presentation: "Premium" }), [["offers.0.presentation", any]]],
  ["a presentation that is a list", offer({ presentation: ["Premium"] }), [["offers.0.presentation", any]]],
  ["a filter that is not known", filters({ country: ["GB"] }), [["offers.0.filters.country", any]]],
  ["a time that is a word", filters({ from: "tomorrow" }), [["offers.0.filters.from", /ISO 8601/]]],
  ["a time that is a number", filters({ from: 1_767_225_600_000 }), [["offers.0.filters.from", any]]],
  ["a time without a zone", filters({ from: "2026-01-01T00:00:00" }), [["offers.0.filters.from", /ISO 8601/]]],
  ["a time that is not in UTC", filters({ from: "2026-01-01T00:00:00+05" }), [["offers.0.filters.from", /ISO 8601/]]],
  ["a day that is not there", filters({ from: "2026-02-31T00:00:00Z" }), [["offers.0.filters.from", /ISO 8601/]]],
  ["an unknown user type", filters({ userType: "guest" }), [["offers.0.filters.userType", any]]],
  ["a country in lower case", filters({ countries: ["GB", "fr"] }), [["offers.0.filters.countries.1", /ISO 3166/]]],
  ["a country of three letters", filters({ countries: ["GBR"] }), [["offers.0.filters.countries.0", /ISO 3166/]]],
  ["a test group of 100", filters({ testGroup: { from: 0, to: 100 } }), [["offers.0.filters.testGroup.to", any]]],
  [
    "a test group that ends before it begins",
    filters({ testGroup: { from: 9, to: 8 } }),
    [["offers.0.filters.testGroup", /past/]],
  ],
  ["a limit below nothing", offer({ limits: { total: -1 } }), [["offers.0.limits.total", any]]],
  ["a limit in fractions", offer({ limits: { perCustomer: 1.5 } }), [["offers.0.limits.perCustomer", any]]],
  ["published as a text", offer({ published: "yes" }), [["offers.0.published", any]]],
  [
    "an experience of no type",
    withPart({ experiences: [{ slug: "e", html: "" }], surfaces: [] }),
    [["experiences.0.type", any]],
  ],
  [
    "an experience of another type",
    withPart({ experiences: [{ slug: "e", type: "video" }], surfaces: [] }),
    [["experiences.0.type", any]],
  ],
  [
    "an app experience without a schema",
    withPart({ experiences: [{ slug: "e", type: "app" }], surfaces: [] }),
    [["experiences.0.schema", /missing/]],
  ],
  [
    "an unknown placement",
    slots([{ key: "k", experience: "banner", placement: "inside" }]),
    [["surfaces.0.components.0.slots.0.placement", any]],
  ],
  [
    "a surface workflow",
    withPart({ surfaces: [{ slug: "s", workflow: "export default 1" }] }),
    [["surfaces.0.workflow", /not supported/]],
  ],
  ["an unknown surface type", withPart({ surfaces: [{ slug: "s", type: "paper" }] }), [["surfaces.0.type", any]]],
  ["features", withPart({ features: [{ slug: "f" }] }), [["features", /not supported/]]],
  ["a variable with a hyphen", withPart({ variables: { "a-b": "1" } }), [["variables.a-b", /variable name/]]],
  ["a variable that is a number", withPart({ variables: { A: 1 } }), [["variables.A", any]]],
  ["variables as a list", withPart({ variables: [] }), [["variables", any]]],
  [
    "an origin with a path",
    withPart({ allowedOrigins: ["https://a.example/x"] }),
    [["allowedOrigins.0", /origin such as/]],
  ],
  [
    "an origin with a slash at its end",
    withPart({ allowedOrigins: ["https://a.example/"] }),
    [["allowedOrigins.0", /origin such as/]],
  ],
  ["an origin without a scheme", withPart({ allowedOrigins: ["a.example"] }), [["allowedOrigins.0", /origin such as/]]],
  ["any origin", withPart({ allowedOrigins: ["*"] }), [["allowedOrigins.0", /origin such as/]]],
  [
    "an origin of files",
    withPart({ outboundOrigins: ["https://a.example", "file://"] }),
    [["outboundOrigins.1", /origin such as/]],
  ],
  ["no algorithm for user JWTs", userJwt({ algorithms: [], jwks: { keys: [jwk] } }), [["userJwt.algorithms", any]]],
  ["HS256 for user JWTs", userJwt({ algorithms: ["HS256"], jwks: { keys: [jwk] } }), [["userJwt.algorithms.0", any]]],
  [
    "none for user JWTs",
    userJwt({ algorithms: ["ES256", "none"], jwks: { keys: [jwk] } }),
    [["userJwt.algorithms.1", any]],
  ],
  ["user JWTs without keys", userJwt({}), [["userJwt", /either jwks or jwksUri/]]],
  [
    "user JWTs with keys in two places",
    userJwt({ jwks: { keys: [jwk] }, jwksUri: "https://a.example/" }),
    [["userJwt", /either jwks or jwksUri/]],
  ],
  ["a jwksUri that is no URL", userJwt({ jwksUri: "id.example.com" }), [["userJwt.jwksUri", any]]],
  ["a jwksUri that is a file", userJwt({ jwksUri: "file:///etc/jwks.json" }), [["userJwt.jwksUri", any]]],
  ["a verification key without a type", userJwt({ jwks: { keys: [jwk, {}] } }), [["userJwt.jwks.keys.1.kty", any]]],
  [
    "a verification key that is a secret",
    userJwt({ jwks: { keys: [{ kty: "oct", k: "c2VjcmV0" }] } }),
    [["userJwt.jwks.keys.0.kty", any]],
  ],
  [
    "a verification key with its private half",
    userJwt({ jwks: { keys: [{ ...jwk, d: "c2VjcmV0" }] } }),
    [["userJwt.jwks.keys.0.d", any]],
  ],
  ["a wall time of nothing", withPart({ budgets: { wallMs: 0 } }), [["budgets.wallMs", any]]],
  ["a memory budget of a gigabyte", withPart({ budgets: { memoryBytes: 1 << 30 } }), [["budgets.memoryBytes", any]]],
  ["a budget that is not known", withPart({ budgets: { wallms: 100 } }), [["budgets.wallms", any]]],
  [
    "offer tokens that live a minute less a second",
    withPart({ offerTokenTtlSeconds: 59 }),
    [["offerTokenTtlSeconds", any]],
  ],
  ["offer tokens that live for ever", withPart({ offerTokenTtlSeconds: 2_592_001 }), [["offerTokenTtlSeconds", any]]],
];

/** What refers to what. */
export const referenceProblems: ConfigProblem[] = [
  [
    "a product twice",
    withPart({ products: [...richConfig().products, { slug: "print", name: "P" }] }),
    [["products.2.slug", /"print" is used twice/]],
  ],
  [
    "an offer twice",
    withPart({
      offers: [...richConfig().offers, { slug: "present", name: "P", method: "gift", redemption: { code: "" } }],
    }),
    [["offers.2.slug", /used twice/]],
  ],
  [
    "a schema twice",
    withPart({ schemas: [...richConfig().schemas, richConfig().schemas[0]] }),
    [["schemas.3.id", /used twice/]],
  ],
  [
    "a method twice",
    withPart({ redemptionMethods: [...richConfig().redemptionMethods, richConfig().redemptionMethods[1]] }),
    [["redemptionMethods.2.slug", /used twice/]],
  ],
  [
    "a plan of an unknown product",
    plan({ products: ["digital", "radio"] }),
    [["plans.0.products.1", /unknown product "radio"/]],
  ],
  [
    "a method of an unknown schema",
    method({ schema: "acme:none@1.0" }),
    [["redemptionMethods.0.schema", /unknown redemption schema/]],
  ],
  [
    "a method of a schema for something else",
    method({ schema: "acme:card@1.0" }),
    [["redemptionMethods.0.schema", /unknown redemption schema/]],
  ],
  [
    "an offer of an unknown method",
    offer({ method: "barter" }),
    [["offers.0.method", /unknown redemption method "barter"/]],
  ],
  [
    "an offer of an unknown plan",
    withPart({
      offers: [{ slug: "o", name: "O", method: "gift", plans: ["weekly"], redemption: { code: "" } }],
      experiences: [],
      surfaces: [],
    }),
    [["offers.0.plans.0", /unknown plan "weekly"/]],
  ],
  [
    "a filter on an unknown plan",
    filters({ plans: { include: ["monthly", "weekly"], exclude: [] } }),
    [["offers.0.filters.plans.include.1", /unknown plan "weekly"/]],
  ],
  [
    "a filter on an unknown product",
    filters({ products: { include: [], exclude: ["radio"] } }),
    [["offers.0.filters.products.exclude.0", /unknown product "radio"/]],
  ],
  [
    "a window that ends as it begins",
    filters({ from: "2026-01-01T00:00:00Z", until: "2026-01-01T00:00:00Z" }),
    [["offers.0.filters.until", /later than from/]],
  ],
  [
    "a window that ends as it begins, in other words",
    filters({ from: "2026-01-01T00:00:00Z", until: "2026-01-01T00:00:00.000Z" }),
    [["offers.0.filters.until", /later than from/]],
  ],
  [
    "a presentation of an unknown schema",
    offer({ presentationSchema: "acme:none@1.0" }),
    [["offers.0.presentation", /acme:none@1\.0/]],
  ],
  [
    "a presentation that its schema refuses",
    offer({ presentation: { title: 7 } }),
    [["offers.0.presentation.title", any]],
  ],
  [
    "a presentation that lacks what its schema needs",
    offer({ presentation: {} }),
    [["offers.0.presentation", /title/]],
  ],
  [
    "redemption values that their schema refuses",
    withPart({
      offers: [
        richConfig().offers[0],
        { slug: "present", name: "P", method: "gift", redemption: { code: "X", lines: [1, "2"] } },
      ],
    }),
    [["offers.1.redemption.lines.1", any]],
  ],
  [
    "an experience of an unknown offer",
    withPart({ experiences: [{ slug: "e", type: "html", html: "", offers: ["premium", "gone"] }], surfaces: [] }),
    [["experiences.0.offers.1", /unknown offer "gone"/]],
  ],
  [
    "an experience whose props its schema refuses",
    withPart({
      experiences: [{ slug: "e", type: "app", schema: "acme:card@1.0", props: { tone: "hot" } }],
      surfaces: [],
    }),
    [["experiences.0.props.tone", any]],
  ],
  [
    "a template with an open section",
    withPart({ experiences: [{ slug: "e", type: "html", html: "{{#offer}}" }], surfaces: [] }),
    [["experiences.0.html", /not a Mustache template: Unclosed section/]],
  ],
  [
    "a template with an open tag",
    withPart({ experiences: [{ slug: "e", type: "html", html: "{{offer" }], surfaces: [] }),
    [["experiences.0.html", /not a Mustache template/]],
  ],
  [
    "a style with an open section",
    withPart({ experiences: [{ slug: "e", type: "html", html: "", css: "{{^a}}" }], surfaces: [] }),
    [["experiences.0.css", /not a Mustache template/]],
  ],
  [
    "a script that ends its element",
    withPart({ experiences: [{ slug: "e", type: "html", html: "", js: "'</SCRIPT>'" }], surfaces: [] }),
    [["experiences.0.js", /<\/script/]],
  ],
  [
    "a style that ends its element",
    withPart({ experiences: [{ slug: "e", type: "html", html: "", css: "a{}</style >" }], surfaces: [] }),
    [["experiences.0.css", /<\/style/]],
  ],
  [
    "a slot with an unknown experience",
    slots([{ key: "k", experience: "nobody" }]),
    [["surfaces.0.components.0.slots.0.experience", /unknown experience "nobody"/]],
  ],
  [
    "a slot twice",
    slots([
      { key: "k", experience: null },
      { key: "k", experience: null },
    ]),
    [["surfaces.0.components.0.slots.1.key", /used twice/]],
  ],
  [
    "a component twice",
    withPart({ surfaces: [{ slug: "s", components: [{ slug: "c" }, { slug: "c" }] }] }),
    [["surfaces.0.components.1.slug", /used twice/]],
  ],
];

/** What a Stripe Checkout offer sells. */
export const checkoutProblems: ConfigProblem[] = [
  ["an account id that is none", stripe({ accountId: "world" }), [["offers.0.redemption.accountId", /acct_/]]],
  ["no account id", stripe({ accountId: undefined }), [["offers.0.redemption.accountId", /missing/]]],
  ["an unknown value", stripe({ price: "price_1" }), [["offers.0.redemption.price", any]]],
  [
    "a price id that is none",
    stripe({ prices: [{ price: "prod_1" }] }),
    [["offers.0.redemption.prices.0.price", /price_/]],
  ],
  [
    "a quantity of nothing",
    stripe({ prices: [{ price: "price_1", quantity: 0 }] }),
    [["offers.0.redemption.prices.0.quantity", any]],
  ],
  [
    "a price for a plan that the offer lacks",
    stripe({ prices: [{ price: "price_1", plan: "forever" }] }),
    [["offers.0.redemption.prices.0.plan", /no plan "forever"/]],
  ],
  ["an unknown mode", stripe({ mode: "setup" }), [["offers.0.redemption.mode", any]]],
  [
    "a trial of something that is not a subscription",
    stripe({ mode: "payment", trialDays: 7 }),
    [["offers.0.redemption.trialDays", /not a subscription/]],
  ],
  ["a trial of three years", stripe({ trialDays: 1000 }), [["offers.0.redemption.trialDays", any]]],
  [
    "a promotion code that is none",
    stripe({ promotionCode: "SUMMER" }),
    [["offers.0.redemption.promotionCode", /promo_/]],
  ],
  [
    "two discounts at once",
    stripe({ coupon: "c", promotionCode: "promo_1" }),
    [["offers.0.redemption.coupon", /only one/]],
  ],
  [
    "nothing to sell",
    {
      ...richConfig(),
      offers: [{ slug: "o", name: "O", method: "checkout", redemption: { accountId: "acct_1" } }],
      experiences: [],
      surfaces: [],
    },
    [["offers.0.redemption.prices", /nothing to sell/]],
  ],
  [
    "several plans and a price for all of them",
    offer({ redemption: { accountId: "acct_1", prices: [{ price: "price_1" }] } }),
    [["offers.0.redemption.prices.0.plan", /several plans/]],
  ],
];

/** A workflow's source, and where and what its problem is. */
export const workflowProblems: [what: string, source: string, message: RegExp][] = [
  [
    "imports a module",
    'const a = 1;\nimport fs from "node:fs";\nexport default () => fs;',
    /^line 2, column \d+: .*"node:fs"/,
  ],
  [
    "imports a module for its side effects",
    'import "./other.ts";\nexport default () => 1;',
    /^line 1, column \d+: .*other/,
  ],
  [
    "imports a value from mos:workflow",
    'import { x } from "mos:workflow";\nexport default () => x;',
    /^line 1, column \d+: .*import type/,
  ],
  ["imports dynamically", 'export default async () => {\n  await import("node:fs");\n};', /^line 2, column \d+: /],
  [
    "imports what it only knows at run time",
    "export default async ({ env }) => {\n  await import(env.A);\n};",
    /^line 2, column \d+: /,
  ],
  ["requires a module", 'export default () => {\n  return require("node:fs");\n};', /^line 2, column \d+: /],
  ["re-exports a module", 'export * from "node:fs";\nexport default () => 1;', /^line 1, column \d+: /],
  ["is not TypeScript", "export default () => {\n  const = 1;\n};", /^line 2, column 9: /],
  ["is not closed", "export default () => {\n", /^line \d+, column \d+: /],
  ["is a text", "hello world", /^line 1, column \d+: /],
  ["waits at its top level", "await 1;\nexport default () => 1;", /^line 1, column 1: /],
  ["has no default export", "export const workflow = () => 1;", /^line 1, column 1: .*no default export/],
  ["exports nothing", "// nothing here", /^line 1, column 1: .*no default export/],
  ["exports a text by default", 'export default "hello";', /default export must be a function, not string/],
  ["exports an object by default", "export default { run: () => 1 };", /default export must be a function, not object/],
  ["exports undefined by default", "export default undefined;", /default export must be a function, not undefined/],
  [
    "throws at its top level",
    'const a: number = 1;\nthrow new Error("no way " + a);\nexport default () => 1;',
    /no way 1.*line 2, column 7|line 2, column 7.*no way 1/,
  ],
  [
    "uses at its top level what is not there",
    "const a = 1;\nprocess.exit(a);\nexport default () => 1;",
    /process is not defined/,
  ],
  ["loops at its top level", "for (;;);\nexport default () => 1;", /top level.*(cpu-exceeded|CPU)/],
];

function nothingElse() {
  return { plans: [], redemptionMethods: [], offers: [], experiences: [], surfaces: [] };
}
