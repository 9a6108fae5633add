import type { Client, SurfaceDecision } from "./client.d.ts";
import { isRecord, warn } from "./page.ts";
import { createPlacement } from "./placement.ts";
import type { Visitor } from "./visitor.ts";

/** Decides and places surfaces. */
export function createSurfaces(visitor: Visitor): Pick<Client, "decide" | "present"> {
  const placement = createPlacement();
  const surfaceOf = new WeakMap<SurfaceDecision, string>();
  let latest: SurfaceDecision | null = null;
  return {
    async decide(surfaceSlug, { resource } = {}) {
      const http = { url: location.href, referer: document.referrer || null };
      const answer = await visitor.ask("surface-decisions", { surfaceSlug, resource, http }, { mayFallBack: true });
      const decision: unknown = answer.body;
      if (!answer.ok || !isDecision(decision)) {
        warn(`no decision for ${surfaceSlug}: ${answer.ok ? "the answer cannot be read" : answer.code}`);
        return null;
      }
      latest = decision;
      surfaceOf.set(decision, surfaceSlug);
      return decision;
    },
    present(root = document, decision = latest) {
      return decision === null ? [] : placement.present(root, decision, surfaceOf.get(decision) ?? "");
    },
  };
}

function isDecision(value: unknown): value is SurfaceDecision {
  return isRecord(value) && isRecord(value.componentBehaviors) && Array.isArray(value.offers);
}
