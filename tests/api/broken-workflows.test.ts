import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { redemptions } from "../../schemas/tables.ts";
import { ask, decideFor, redeemAs } from "../fakes/requests.ts";
import { method } from "../fakes/sample-config.ts";
import { createWorld, type World } from "../fakes/world.ts";
import { eventOf, expectRefusal } from "./answers.ts";
import { type BrokenWorkflow, returning, throwing, unending } from "./broken-workflow-cases.ts";

/** Breaks or not, as the request says: what a temporary trouble looks like. */
const moody = `export default ({ resource }) => {
  if (resource?.id === "break") throw new Error("not today");
  return { success: true };
};`;

const deep = `export default ({ resource }) => {
  let properties = {};
  for (let i = 0; i < resource.meta.depth; i++) properties = { a: properties };
  return { success: true, properties };
};`;

const broken = [...throwing, ...unending, ...returning];
const slugOf = (workflow: BrokenWorkflow) => `case-${broken.indexOf(workflow)}`;
const buyer = { userIdentifier: "buyer@example.com" };

let world: World;
beforeAll(async () => {
  world = await createWorld({
    config: (config) => {
      const sources: [string, string][] = broken.map((workflow) => [slugOf(workflow), workflow.source]);
      const all: [string, string][] = [...sources, ["moody", moody], ["deep", deep]];
      return {
        ...config,
        redemptionMethods: all.map(([slug, source]) => method(slug, source)),
        offers: all.map(([slug]) => ({ slug, name: slug, method: slug })),
        experiences: all.map(([slug]) => ({ slug, type: "html", html: "", offers: [slug] })),
        surfaces: all.map(([slug]) => ({
          slug,
          components: [{ slug: "c", slots: [{ key: "s", experience: slug }] }],
        })),
        budgets: { wallMs: 4000, cpuMs: 300, memoryBytes: 16 << 20, resultBytes: 64 << 10 },
      };
    },
  });
});
afterAll(() => world.close());
afterEach(() => expect(world.faults.splice(0)).toEqual([]));

const tokenFor = async (surfaceSlug: string): Promise<string> =>
  (await decideFor(world, buyer, { surfaceSlug })).body.offers[0].token;
const workflowError = { status: 531, code: "workflow_error", message: "Workflow error", event: true } as const;

/** Redeems, and expects the one answer that every broken workflow gives, with the details in its event alone. */
async function expectBroken({ outcome, reason }: BrokenWorkflow, token: string, attempt: number): Promise<void> {
  const answer = await redeemAs(world, buyer, token);
  expectRefusal(answer, workflowError);
  const event = await eventOf(world, answer.body.eventId);
  expect(event).toMatchObject({ type: "offer-redemption", status: "workflow_error", identifier: "buyer@example.com" });
  expect(event.data.run.outcome).toBe(outcome);
  expect(event.data.run.verdict).toEqual({ kind: "broken", reason: expect.stringMatching(reason) });
  expect(event.data.attempt).toBe(attempt);
}

describe.each([
  ["throws", throwing],
  ["takes more than it may", unending],
  ["returns nonsense", returning],
])("a workflow that %s", (_group, workflows) => {
  test.each(workflows)("is a 531, and may be tried again, when it $does", async (workflow) => {
    const token = await tokenFor(slugOf(workflow));
    await expectBroken(workflow, token, 1);
    await expectBroken(workflow, token, 2);
  });
});

test("a redemption succeeds with the token whose workflow broke before", async () => {
  const offerToken = await tokenFor("moody");
  const body = { identity: buyer, offerToken };
  const first = await ask(world, "POST", "/api/v1/offer-redemptions", { body: { ...body, resource: { id: "break" } } });
  expectRefusal(first, workflowError);
  const second = await ask(world, "POST", "/api/v1/offer-redemptions", { body });
  expect(second.status).toBe(200);
  const third = await ask(world, "POST", "/api/v1/offer-redemptions", { body: { ...body, resource: { id: "break" } } });
  expect(third.text).toBe(second.text);
});

test.each([10, 2000, 3000, 4000, 6000, 10_000])(
  "a workflow that returns JSON %i levels deep is answered, one way or the other",
  async (depth) => {
    const answer = await ask(world, "POST", "/api/v1/offer-redemptions", {
      body: { identity: buyer, offerToken: await tokenFor("deep"), resource: { meta: { depth } } },
    });
    expect([200, 531]).toContain(answer.status);
    expect((await eventOf(world, answer.body.eventId)).status).toBe(
      answer.status === 200 ? "success" : "workflow_error",
    );
  },
);

test("broken workflows leave no redemption running, and asked nothing of Stripe", async () => {
  const rows = await world.engine.storage.db.select().from(redemptions);
  expect(rows.length).toBeGreaterThan(broken.length);
  expect(rows.filter(({ status }) => status === "running")).toEqual([]);
  expect(world.stripe.requests()).toEqual([]);
});
