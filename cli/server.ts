import * as v from "valibot";
import { Issue } from "../schemas/errors.ts";
import { Json, JsonObject } from "../schemas/json.ts";
import { TaskRunAnswer } from "../schemas/tasks.ts";
import type { Connection, ServerConnection } from "./connection.ts";
import { CommandFailure, messageOf } from "./failure.ts";
import { RunReport } from "./run-report.ts";
import type { Terminal } from "./terminal.ts";

const timeoutMs = 120_000;

const ConfigAnswer = v.object({ version: v.number(), config: JsonObject });

/** A configuration that the server has, and its version. */
export type ServerConfig = v.InferOutput<typeof ConfigAnswer>;

const Difference = v.object({
  op: v.picklist(["added", "removed", "changed"]),
  path: v.string(),
  before: v.optional(Json),
  after: v.optional(Json),
});
export type Difference = v.InferOutput<typeof Difference>;

const Applied = v.object({ version: v.number(), changed: v.boolean(), difference: v.array(Difference) });
export type Applied = v.InferOutput<typeof Applied>;

const TryAnswer = v.object({
  eventId: v.string(),
  offer: v.string(),
  plan: v.nullable(v.string()),
  /** Whether the run saw `***` in the place of each secret, because of the token's role. */
  secretsMasked: v.optional(v.boolean(), false),
  run: RunReport,
});
export type TryAnswer = v.InferOutput<typeof TryAnswer>;

/** The management API of one environment. Every call fails with a `CommandFailure` that says what to do. */
export type Server = Connection & { terminal: Terminal };

/** The management API of a server. */
export type Host = ServerConnection & { terminal: Terminal };

/** The configuration in force, or at a version. */
export function getConfig(server: Server, version?: number): Promise<ServerConfig> {
  const path = version === undefined ? "config" : `config?version=${version}`;
  return send(server, ConfigAnswer, { method: "GET", path });
}

/** Applies a document as the next version of `expectedVersion`, or tells in a dry run what that would change. */
export function putConfig(
  server: Server,
  config: JsonObject,
  how: { dryRun: true } | { expectedVersion: number },
): Promise<Applied> {
  const query = "dryRun" in how ? "dryRun=true" : `expectedVersion=${how.expectedVersion}`;
  return send(server, Applied, { method: "PUT", path: `config?${query}`, body: config });
}

/** Runs a workflow for real, without redeeming anything. */
export function postTry(server: Server, slug: string, body: JsonObject): Promise<TryAnswer> {
  return send(server, TryAnswer, {
    method: "POST",
    path: `redemption-methods/${encodeURIComponent(slug)}/try`,
    body,
  });
}

/** Runs a scheduled task of the server now, and waits for it. */
export function postTaskRun(host: Host, name: string): Promise<TaskRunAnswer> {
  const path = `/api/v1/manage/tasks/${encodeURIComponent(name)}/run`;
  return sendTo(host, TaskRunAnswer, { method: "POST", path, waitMs: 600_000 });
}

type Request = { method: string; path: string; body?: JsonObject; waitMs?: number };

/** `path` is of the environment. */
function send<T extends v.GenericSchema>(server: Server, answer: T, request: Request): Promise<v.InferOutput<T>> {
  const path = `/api/v1/manage/environments/${encodeURIComponent(server.environmentId)}/${request.path}`;
  return sendTo(server, answer, { ...request, path });
}

async function sendTo<T extends v.GenericSchema>(host: Host, answer: T, request: Request): Promise<v.InferOutput<T>> {
  const { status, body } = await exchange(host, request);
  if (status >= 400) throw await refusal(host, status, body);
  const parsed = v.safeParse(answer, body);
  if (parsed.success) return parsed.output;
  throw new CommandFailure("unexpected_answer", `${host.url} answered with something that scrip does not understand`, {
    hint: "Is it a Scrip server, and of the same version as this command?",
  });
}

async function exchange({ url, token, terminal }: Host, { method, path, body, waitMs = timeoutMs }: Request) {
  try {
    const response = await terminal.fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(waitMs),
    });
    return { status: response.status, body: parsedJson(await response.text()) };
  } catch (error) {
    throw new CommandFailure("unreachable", `No answer from ${url}: ${reasonOf(error)}`, {
      hint: "Is the server running (`npm start`), and is the address right (--url or SCRIP_URL)?",
    });
  }
}

function parsedJson(text: string): unknown {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson()), text);
  return parsed.success ? parsed.output : undefined;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = messageOf(cause);
  if (message !== "") return message;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
}

const ErrorAnswer = v.object({ message: v.string(), code: v.string(), issues: v.optional(v.array(Issue), []) });

async function refusal(server: Host, status: number, body: unknown): Promise<CommandFailure> {
  const parsed = v.safeParse(ErrorAnswer, body);
  if (!parsed.success) {
    return new CommandFailure("unexpected_answer", `${server.url} answered ${status}, and not as Scrip does`, {
      hint: "Is the address right (--url or SCRIP_URL)?",
    });
  }
  const { message, code, issues } = parsed.output;
  const problems = issues.map((issue) => ({ ...issue, place: null }));
  return new CommandFailure(code, message, { hint: await hintFor(server, code), problems });
}

const hints = new Map([
  ["invalid_admin_token", "Check SCRIP_ADMIN_TOKEN or --token: the server does not know this token"],
  ["role_not_allowed", "Ask whoever runs the server for a token with that role"],
  ["method_not_found", "`scrip config push` it first, or name another one with --method"],
  ["storage_unavailable", "Try again in a moment"],
  ["sandbox_busy", "Try again in a moment"],
  ["internal_error", "The server's log says why"],
]);

const Environments = v.object({ environments: v.array(v.object({ id: v.string() })) });

async function hintFor(server: Host, code: string): Promise<string | undefined> {
  if (code !== "environment_not_found") return hints.get(code);
  const { body } = await exchange(server, { method: "GET", path: "/api/v1/manage/environments" });
  const parsed = v.safeParse(Environments, body);
  const ids = parsed.success ? parsed.output.environments.map(({ id }) => id) : [];
  return ids.length === 0 ? undefined : `Name one with --env: the server has ${ids.join(", ")}`;
}
