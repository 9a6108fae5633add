import { answerOf } from "./answers/answer-of.ts";
import { invoicePaymentAnswer } from "./answers/invoice.ts";
import { refundAnswer } from "./answers/refund.ts";
import { lineItemAnswer } from "./answers/session.ts";
import type { Context } from "./context.ts";
import { invalid } from "./errors.ts";
import { isObject, type Json, type JsonObject, toJson } from "./json.ts";
import { listPage, type PageParams, pageOf } from "./list-page.ts";

/**
 * An answer with the ids at `paths` replaced by their objects (Stripe API reference, "Expanding responses"): at most
 * four levels, `data.` before them in lists. Throws a `StripeRefusal` for what cannot be expanded.
 */
export function expand(context: Context, answer: Json, paths: readonly string[]): Json {
  for (const path of paths) {
    const steps = path.split(".");
    if (steps.length > 4) {
      throw invalid(`You cannot expand more than 4 levels of a property (${path}).`, { param: "expand" });
    }
    expandStep(context, answer, steps, path);
  }
  return answer;
}

function expandStep(context: Context, value: Json | undefined, [step, ...rest]: string[], path: string): void {
  if (step === undefined || value === null) {
    return;
  }
  if (Array.isArray(value)) {
    for (const member of value) {
      expandStep(context, member, [step, ...rest], path);
    }
    return;
  }
  if (!isObject(value)) {
    throw notExpandable(path);
  }
  value[step] = expanded(context, value, step, path);
  expandStep(context, value[step], rest, path);
}

function expanded(context: Context, parent: JsonObject, step: string, path: string): Json {
  const current = parent[step];
  if (typeof current === "string") {
    const object = answerOf(context, current);
    if (object === undefined) {
      throw notExpandable(path);
    }
    return object;
  }
  const includable = current === undefined ? includables[`${parent.object}.${step}`] : undefined;
  if (includable !== undefined) {
    return toJson(includable(context, String(parent.id)));
  }
  if (current === undefined || typeof current === "number" || typeof current === "boolean") {
    throw notExpandable(path);
  }
  return current;
}

/** The lists that are left out of an answer until they are asked for. */
const includables: Record<string, (context: Context, id: string) => object> = {
  "checkout.session.line_items": (context, id) => lineItemsPage(context, id, {}),
  "charge.refunds": (context, charge) =>
    listPage(context, {
      kind: "refund",
      name: "refund",
      url: `/v1/charges/${charge}/refunds`,
      params: {},
      by: { charge },
      answer: refundAnswer,
    }),
  "invoice.payments": (context, invoice) =>
    listPage(context, {
      kind: "invoice_payment",
      name: "invoice_payment",
      url: `/v1/invoice_payments?invoice=${invoice}`,
      params: {},
      by: { invoice },
      answer: invoicePaymentAnswer,
    }),
};

/** The lines of a session as a list: what `line_items` expands to, and an endpoint of its own. */
export function lineItemsPage(context: Context, sessionId: string, params: PageParams) {
  const lines = context.store.get("session", sessionId)?.line_items ?? [];
  const url = `/v1/checkout/sessions/${sessionId}/line_items`;
  return pageOf(lines, (line) => lineItemAnswer(context, line), { params, url, kind: "item" });
}

function notExpandable(path: string) {
  return invalid(`This property cannot be expanded (${path}).`, { param: "expand" });
}
