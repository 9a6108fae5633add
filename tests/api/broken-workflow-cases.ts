/** A workflow that breaks: what it does, its source, and what its event says of it. */
export type BrokenWorkflow = { does: string; source: string; outcome: string; reason: RegExp };

const body = (statements: string) => `export default async ({ offer }) => { ${statements} };`;

const threw = (does: string, source: string, reason: RegExp): BrokenWorkflow => ({
  does,
  source,
  outcome: "threw",
  reason,
});

/** Workflows that throw. Line and column are those of the author's TypeScript. */
export const throwing: BrokenWorkflow[] = [
  threw(
    "throws an error",
    `import type { RedemptionMethodWorkflow } from "mos:workflow";

type Thing = { name: string };
const workflow: RedemptionMethodWorkflow = async ({ identity }) => {
  const thing: Thing = { name: identity.identifier };
  throw new RangeError(\`no place for \${thing.name}\`);
};
export default workflow;
`,
    /RangeError: no place for buyer@example\.com \(line 6, column 9\)$/,
  ),
  threw(
    "throws an error after waiting",
    `interface Wide { a: string; b: number }
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export default async (): Promise<Wide> => {
  await pause(1);
  throw new Error("late");
};`,
    /Error: late \(line 5, column 9\)$/,
  ),
  threw(
    "throws in a function that it calls",
    `export default () => helper(null);

function helper(value: null | { url: string }) {
  return (value as { url: string }).url;
}`,
    /TypeError: .*null.* \(line 4, column \d+\)$/,
  ),
  threw(
    "throws in a timer",
    `export default () => new Promise(() => {
  setTimeout(() => {
    throw new Error("nobody waits for me");
  }, 1);
});`,
    /nobody waits for me \(line 3, column 11\)$/,
  ),
  threw(
    "throws at its top level only when run",
    "export default async () => missing();",
    /ReferenceError: missing is not/,
  ),
  threw("throws a text", body('throw "just words"'), /just words/),
  threw("throws null", body("throw null"), /the workflow threw/),
  threw("throws an object whose parts throw", body("throw { get message() { throw new Error('x') } }"), /threw/),
  threw("rejects with nothing", "export default () => Promise.reject();", /the workflow threw/),
  threw("recurses without end", "export default function f() { return f(); }", /RangeError: .*call stack/i),
  threw("asks for eval", body('return eval("({ success: true })")'), /the workflow threw/),
  threw("asks for Function", body('return Function("return 1")()'), /the workflow threw/),
  threw("asks for process", body("return process.exit(1)"), /ReferenceError: process is not/),
  threw(
    "asks Stripe for an account that is not connected",
    `export default ({ utils }) => utils.integrations.stripe.fetch("acct_unknown", { method: "GET", path: "/v1/prices" });`,
    /acct_unknown/,
  ),
];

const stopped = (does: string, outcome: string, source: string): BrokenWorkflow => ({
  does,
  source,
  outcome,
  reason: new RegExp(`^${outcome}: .{5}`),
});

/** Workflows that do not end by themselves, or take more than they may. */
export const unending: BrokenWorkflow[] = [
  stopped("loops", "cpu-exceeded", "export default () => { for (;;); };"),
  stopped("loops after waiting", "cpu-exceeded", "export default async () => { await null; for (;;); };"),
  stopped(
    "loops in a timer",
    "cpu-exceeded",
    "export default () => new Promise(() => { setTimeout(() => { for (;;); }, 1); });",
  ),
  stopped("loops in promises", "cpu-exceeded", "export default async () => { for (;;) await null; };"),
  stopped("never settles", "timed-out", "export default () => new Promise(() => {});"),
  stopped(
    "waits longer than it may",
    "timed-out",
    "export default () => new Promise((done) => { setTimeout(() => done({ success: true }), 60_000); });",
  ),
  stopped(
    "fills the memory",
    "out-of-memory",
    "export default () => { const all = []; for (;;) all.push(new Array(65_536).fill(all.length)); };",
  ),
];

const nonsense = (what: string, expression: string, reason: RegExp, outcome = "returned"): BrokenWorkflow => ({
  does: `returns ${what}`,
  source: `export default async () => (${expression});`,
  outcome,
  reason,
});

const navigate = (url: string) => `{ success: true, action: "navigate", url: ${url} }`;

/** Workflows that return something else than a result. */
export const returning: BrokenWorkflow[] = [
  nonsense("nothing", "undefined", /not JSON/, "refused"),
  nonsense("null", "null", /something else than a result/),
  nonsense("a text", '"ok"', /something else than a result/),
  nonsense("true", "true", /something else than a result/),
  nonsense("a list", "[{ success: true }]", /success/),
  nonsense("an empty object", "{}", /success is missing/),
  nonsense("a function", "() => {}", /function/, "refused"),
  nonsense("a BigInt", "{ success: true, properties: { n: 1n } }", /bigint/, "refused"),
  nonsense("NaN", "{ success: true, properties: { n: NaN } }", /NaN/, "refused"),
  nonsense("a circle", "(() => { const a = { success: true }; a.properties = a; return a; })()", /not JSON/, "refused"),
  nonsense(
    "more than 64 KiB",
    '{ success: true, message: "", properties: { x: "x".repeat(70_000) } }',
    /longer/,
    "refused",
  ),
  nonsense("success as a text", '{ success: "true" }', /success must be boolean/),
  nonsense("an unknown member", '{ success: true, redirect: "https://example.com" }', /redirect/),
  nonsense("an unknown action", '{ success: true, action: "popup", url: "https://example.com" }', /action/),
  nonsense("navigate without a url", '{ success: true, action: "navigate" }', /needs a url/),
  nonsense("a url without an action", '{ success: true, url: "https://example.com" }', /navigate/),
  nonsense("a url that is a number", navigate("7"), /url/),
  nonsense("a relative url", navigate('"/thanks"'), /url/),
  nonsense("an empty url", navigate('""'), /url/),
  nonsense("a javascript: url", navigate('"javascript:alert(1)"'), /url must be an http or https URL/),
  nonsense("a javascript: url in disguise", navigate('"\\tJavaScript:alert(1)//https://a.example"'), /url/),
  nonsense("a data: url", navigate('"data:text/html,<script>alert(1)</script>"'), /url must be an http or https URL/),
  nonsense("a file: url", navigate('"file:///etc/passwd"'), /url must be an http or https URL/),
  nonsense(
    "a url with a line break",
    navigate('"https://a.example/\\r\\nSet-Cookie: a=b"'),
    /url must not contain spaces/,
  ),
  nonsense("a url with a space", navigate('" https://a.example/"'), /url must not contain spaces/),
  nonsense("a url with a NUL", navigate('"https://a.example/\\0"'), /url must not contain spaces/),
  nonsense("a url with a user name", navigate('"https://good.example@evil.example/"'), /url must not contain a user/),
  nonsense("a url with a password", navigate('"https://:secret@a.example/"'), /url must not contain a user/),
  nonsense("statusCode 99", "{ success: true, statusCode: 99 }", /statusCode/),
  nonsense("statusCode 100", "{ success: true, statusCode: 100 }", /statusCode/),
  nonsense("statusCode 600", "{ success: true, statusCode: 600 }", /statusCode/),
  nonsense("statusCode 200.5", "{ success: true, statusCode: 200.5 }", /statusCode/),
  nonsense("statusCode as a text", '{ success: true, statusCode: "200" }', /statusCode/),
  nonsense("statusCode 204, which has no body", "{ success: true, statusCode: 204 }", /statusCode/),
  nonsense("statusCode 205, which has no body", "{ success: true, statusCode: 205 }", /statusCode/),
  nonsense("statusCode 304, which has no body", "{ success: false, statusCode: 304 }", /statusCode/),
  nonsense("a message that is an object", "{ success: false, message: {} }", /message/),
  nonsense("a message of 4097 characters", '{ success: false, message: "x".repeat(4097) }', /message/),
  nonsense("properties that are a list", "{ success: true, properties: [] }", /properties/),
  nonsense("properties that are a text", '{ success: true, properties: "a" }', /properties/),
];
