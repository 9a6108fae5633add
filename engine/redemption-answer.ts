import type { JsonObject } from "../schemas/json.ts";
import type { WorkflowResult } from "../schemas/workflow.ts";
import type { AdmittedRedemption } from "./admission.ts";
import type { RecordedAnswer } from "./claims.ts";
import type { WorkflowRun } from "./run-workflow.ts";

/** What a caller is told of a run that the sandbox could not make; the reason is for the operator. */
export const unavailableMessage = "The workflow could not be run just now: try again";

/** The HTTP answer of a run (MonetizationOS offer redemption; 531 for a workflow that broke, 503 for one that was not run). */
export function answerOf({ identity }: AdmittedRedemption, { verdict }: WorkflowRun, eventId: string): RecordedAnswer {
  if (verdict.kind === "unavailable") {
    const body = { status: "error", statusCode: 503, message: unavailableMessage, code: "sandbox_busy", eventId };
    return { status: 503, body };
  }
  if (verdict.kind !== "result") {
    const body = { status: "error", statusCode: 531, message: "Workflow error", code: "workflow_error", eventId };
    return { status: 531, body };
  }
  const { result } = verdict;
  const action = actionOf(result);
  if (result.success) {
    const status = result.statusCode ?? 200;
    const message: JsonObject = result.message === undefined ? {} : { message: result.message };
    return {
      status,
      body: { status: "success", statusCode: status, eventId, identity: { ...identity }, ...message, action },
    };
  }
  const status = result.statusCode ?? 400;
  const named = result.action !== undefined || result.properties !== undefined;
  const message = result.message ?? "The redemption was refused";
  const body = { status: "error", statusCode: status, message, code: "redemption_refused", eventId };
  return { status, body: named ? { ...body, action } : body };
}

function actionOf({ url, properties = {} }: WorkflowResult): JsonObject {
  return url === undefined ? { type: "custom", properties } : { type: "navigate", properties, url };
}
