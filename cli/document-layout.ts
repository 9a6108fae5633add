import * as v from "valibot";
import { Slug } from "../schemas/config.ts";
import { JsonObject } from "../schemas/json.ts";
import { CommandFailure } from "./failure.ts";

const Methods = v.object({
  redemptionMethods: v.optional(v.array(v.intersect([JsonObject, v.object({ slug: Slug, workflow: v.string() })])), []),
});

/**
 * A server's configuration as files: the text of each by its path from the document's folder, the document first. Every
 * workflow is a file of its own: the one that `references` names for its method, or else `workflows/<slug>.wf.ts`.
 */
export function documentLayout(
  config: JsonObject,
  documentName: string,
  references: ReadonlyMap<string, string>,
): Map<string, string> {
  const parsed = v.safeParse(Methods, config);
  if (!parsed.success) {
    throw new CommandFailure("unexpected_answer", "The server's redemption methods are not what scrip understands", {
      hint: "Is the server of the same version as this command?",
    });
  }
  const sources = new Map<string, string>();
  const redemptionMethods = parsed.output.redemptionMethods.map((method) => {
    const wanted = references.get(method.slug);
    const file = wanted === undefined || isTaken(sources, wanted, method.workflow) ? ownFile(method.slug) : wanted;
    sources.set(file, method.workflow);
    return { ...method, workflow: { file } };
  });
  const document = { ...config, ...(redemptionMethods.length === 0 ? {} : { redemptionMethods }) };
  return new Map([[documentName, `${JSON.stringify(document, null, 2)}\n`], ...sources]);
}

/** Whether two texts say the same: as JSON where they are the document, whose spaces are the operator's. */
export function saysTheSame(path: string, one: string, other: string): boolean {
  if (one === other) return true;
  if (!path.endsWith(".json")) return false;
  const [a, b] = [one, other].map((text) => v.safeParse(v.pipe(v.string(), v.parseJson()), text));
  return a?.success === true && b?.success === true && JSON.stringify(a.output) === JSON.stringify(b.output);
}

function ownFile(slug: string): string {
  return `workflows/${slug}.wf.ts`;
}

/** One file may serve two methods only as long as their sources are the same. */
function isTaken(sources: ReadonlyMap<string, string>, file: string, source: string): boolean {
  const there = sources.get(file);
  return there !== undefined && there !== source;
}
