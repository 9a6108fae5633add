/**
 * `fetch`, `Request`, `Response`, `Headers` and what aborts them. The call itself is the host's. Home-made because nothing
 * else works in a bare realm: undici and node-fetch need Node's streams, whatwg-fetch and its kin XMLHttpRequest, and all of
 * them bring a way to the network where here is none.
 */
import { AbortController, AbortSignal } from "./abort.ts";
import { Body, type Content, contentOf, contentTypeOf } from "./body.ts";
import { Event, EventTarget } from "./events.ts";
import { Headers, type HeadersLike } from "./headers.ts";
import type { Core } from "./parts.ts";

declare const core: Core;
const { callHost, kept, provide } = core;

type RequestInit = { method?: unknown; headers?: HeadersLike; body?: unknown; signal?: unknown; redirect?: unknown };
type ResponseInit = { status?: number; statusText?: string; headers?: HeadersLike };

/** What an answer has that a response of an author's own has not. */
type Answered = { type: string; url: string; redirected: boolean };

let answered: Answered | undefined;

class Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly redirect: string;

  constructor(input: unknown, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const own = init.body !== undefined && init.body !== null;
    const content = own ? contentOf(init.body) : (from?.peek() ?? null);
    super(content);
    this.url = from?.url ?? `${input}`;
    this.method = `${init.method ?? from?.method ?? "GET"}`.toUpperCase();
    this.headers = new Headers(init.headers ?? from?.headers);
    this.redirect = `${init.redirect ?? from?.redirect ?? "follow"}`;
    this.signal = signalOf(init.signal ?? from?.signal);
    if (content !== null && (this.method === "GET" || this.method === "HEAD")) {
      throw new TypeError(`a ${this.method} request has no body`);
    }
    const type = own ? contentTypeOf(init.body) : undefined;
    if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
  }

  clone(): Request {
    return new Request(this);
  }

  /** Not part of the standard: what the host is asked for. */
  static toCall(request: Request): object {
    const { url, method, headers, redirect } = request;
    const content = request.take();
    const body =
      typeof content === "object" && content !== null ? { bodyBase64: content.toBase64() } : { body: content };
    return { url, method, headers: Object.fromEntries(headers.entries()), redirect, ...body };
  }
}

class Response extends Body {
  readonly type: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly ok: boolean;

  constructor(body?: unknown, init: ResponseInit = {}) {
    super(contentOf(body));
    const { type, url, redirected } = answered ?? { type: "default", url: "", redirected: false };
    this.type = type;
    this.url = url;
    this.redirected = redirected;
    this.status = init.status ?? 200;
    if (type !== "error" && (this.status < 200 || this.status > 599)) {
      throw new RangeError("a response's status is 200 to 599");
    }
    this.statusText = init.statusText ?? "";
    this.headers = new Headers(init.headers);
    this.ok = this.status >= 200 && this.status <= 299;
    const contentType = contentTypeOf(body);
    if (answered === undefined && contentType !== undefined && !this.headers.has("content-type")) {
      this.headers.set("content-type", contentType);
    }
  }

  clone(): Response {
    return respond(this.peek(), this, this);
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(kept.stringify(value), { ...init, headers });
  }

  static redirect(url: unknown, status = 302): Response {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`${status} is not a redirect's status`);
    return new Response(null, { status, headers: { location: `${url}` } });
  }

  static error(): Response {
    return respond(null, { status: 0 }, { type: "error", url: "", redirected: false });
  }
}

const { toCall } = Request;
Reflect.deleteProperty(Request, "toCall");

function respond(body: Content, init: ResponseInit, { type, url, redirected }: Answered): Response {
  answered = { type, url, redirected };
  try {
    return new Response(body, init);
  } finally {
    answered = undefined;
  }
}

function signalOf(given: unknown): AbortSignal {
  if (given instanceof AbortSignal) return given;
  if (given === undefined || given === null) return new AbortController().signal;
  throw new TypeError("signal must be an AbortSignal");
}

async function fetch(input: unknown, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  if (input instanceof Request && init?.body === undefined) input.bodyUsed = request.bodyUsed;
  const { signal } = request;
  signal.throwIfAborted();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  return responseFrom(await Promise.race([callHost("fetch", toCall(request)), aborted]));
}

/** The host's answer: see `OutboundAnswer` in `engine/outbound.ts`. */
function responseFrom(answer: unknown): Response {
  if (typeof answer !== "object" || answer === null) throw new TypeError("the host gave no response");
  const part = (name: string): unknown => Reflect.get(answer, name);
  const base64 = part("bodyBase64");
  return respond(
    base64 === undefined ? contentOf(part("body")) : Uint8Array.fromBase64(`${base64}`),
    { status: Number(part("status")), statusText: `${part("statusText") ?? ""}`, headers: pairsOf(part("headers")) },
    { type: "basic", url: `${part("url") ?? ""}`, redirected: part("redirected") === true },
  );
}

/** One pair for each value: of `set-cookie` there may be several. */
function pairsOf(headers: unknown): [string, string][] {
  if (typeof headers !== "object" || headers === null) return [];
  return Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    Array.isArray(value) ? value.map((one): [string, string] => [name, `${one}`]) : [[name, `${value}`]],
  );
}

provide({ AbortController, AbortSignal, Event, EventTarget, Headers, Request, Response, fetch });
