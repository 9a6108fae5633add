import { ask, decideFor, redeemAs } from "./requests.ts";
import { method, type sampleConfig } from "./sample-config.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

type Config = ReturnType<typeof sampleConfig>;

/** Workflows by a name that their method, offer and surface bear: the body of a function of `identity`, `offer`, `env`, `utils`. */
export type Bodies = Record<string, string>;

/** A world with a method, an offer and a surface for each workflow. `more` changes its configuration. */
export function worldOf(
  bodies: Bodies,
  { more, ...options }: Omit<WorldOptions, "config"> & { more?: (made: Made) => unknown } = {},
): Promise<World> {
  const config = (sample: Config) => {
    const made = madeOf(bodies, sample);
    return more === undefined ? made : more(made);
  };
  return createWorld({ ...options, config });
}

type Made = ReturnType<typeof madeOf>;

function madeOf(bodies: Bodies, sample: Config) {
  const slugs = Object.keys(bodies);
  return {
    ...sample,
    redemptionMethods: Object.entries(bodies).map(([slug, body]) => method(slug, sourceOf(body))),
    offers: slugs.map((slug) => ({ slug, name: slug, method: slug, plans: [] as string[] })),
    experiences: slugs.map((slug) => ({ slug, type: "app", schema: "acme:card@1.0", offers: [slug] })),
    surfaces: slugs.map((slug) => ({
      slug,
      components: [{ slug: "one", slots: [{ key: "offer", experience: slug }] }],
    })),
  };
}

/** A workflow's module around the body of its function. */
export function sourceOf(body: string): string {
  return `export default async ({ identity, offer, env, utils }) => { ${body} };`;
}

/** A token of the offer that bears this name. */
export async function tokenOf(world: World, slug: string, identity: unknown): Promise<string> {
  const { body } = await decideFor(world, identity, { surfaceSlug: slug });
  return body.offers[0].token;
}

/** The event of an answer. */
export async function eventIn(world: World, eventId: string) {
  const { body } = await ask(world, "GET", `/api/v1/events/${eventId}`);
  return body.event;
}

/** Redeems the offer whose workflow bears this name, and reads the run in its event. */
export async function runAs(world: World, slug: string, identity: unknown, token?: string) {
  const answer = await redeemAs(world, identity, token ?? (await tokenOf(world, slug, identity)));
  const { run } = (await eventIn(world, answer.body.eventId)).data;
  return { ...answer, properties: answer.body.action?.properties, run };
}

/** Tries the workflow that bears this name, or a source in its place, through the management API. */
export async function tryOf(
  world: World,
  slug: string,
  { key = world.adminToken, ...body }: Record<string, unknown> & { key?: string } = {},
) {
  const path = `/api/v1/manage/environments/${world.environmentId}/redemption-methods/${slug}/try`;
  return ask(world, "POST", path, { key, body });
}
