/** `fetch`, `Request`, `Response`, `Headers` and what aborts them. Bodies are text; the call itself is the host's. */
import { AbortController, AbortSignal } from "./abort.ts";
import { Headers, type HeadersLike } from "./headers.ts";
import type { Core } from "./parts.ts";

declare const core: Core;
const { callHost, kept, provide } = core;

type RequestInit = { method?: unknown; headers?: HeadersLike; body?: unknown; signal?: unknown };
type ResponseInit = { status?: number; statusText?: string; headers?: HeadersLike };

const showTag = Object.prototype.toString;

let answeredUrl = "";

class Body {
  bodyUsed = false;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  async text(): Promise<string> {
    return this.take();
  }

  async json(): Promise<unknown> {
    return kept.parse(this.take());
  }

  protected take(): string {
    if (this.bodyUsed) throw new TypeError("the body has been read already");
    this.bodyUsed = true;
    return this.#text;
  }

  protected peek(): string {
    if (this.bodyUsed) throw new TypeError("the body has been read already");
    return this.#text;
  }
}

class Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly signal: unknown;
  readonly hasBody: boolean;

  constructor(input: unknown, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const body = init.body ?? (from?.hasBody ? from.peek() : undefined);
    super(bodyText(body));
    this.url = from?.url ?? `${input}`;
    this.method = `${init.method ?? from?.method ?? "GET"}`.toUpperCase();
    this.headers = new Headers(init.headers ?? from?.headers);
    this.signal = init.signal ?? from?.signal;
    this.hasBody = body !== undefined && body !== null;
    if (this.hasBody && (this.method === "GET" || this.method === "HEAD")) {
      throw new TypeError(`a ${this.method} request has no body`);
    }
    const type = from === undefined ? contentTypeOf(body) : undefined;
    if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
  }

  clone(): Request {
    return new Request(this);
  }

  /** Not part of the standard: what the host is asked for. */
  static toCall(request: Request): object {
    const { url, method, headers, hasBody } = request;
    return { url, method, headers: Object.fromEntries(headers.entries()), body: hasBody ? request.take() : null };
  }
}

class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url = answeredUrl;
  readonly ok: boolean;

  constructor(body?: unknown, init: ResponseInit = {}) {
    super(bodyText(body));
    this.status = init.status ?? 200;
    if (this.status < 200 || this.status > 599) throw new RangeError("a response's status is 200 to 599");
    this.statusText = init.statusText ?? "";
    this.headers = new Headers(init.headers);
    this.ok = this.status <= 299;
  }

  clone(): Response {
    return respond(this.peek(), this, this.url);
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const response = new Response(kept.stringify(value), init);
    if (!response.headers.has("content-type")) response.headers.set("content-type", "application/json");
    return response;
  }
}

const { toCall } = Request;
Reflect.deleteProperty(Request, "toCall");

function respond(body: unknown, init: ResponseInit, url: string): Response {
  answeredUrl = url;
  const response = new Response(body, init);
  answeredUrl = "";
  return response;
}

async function fetch(input: unknown, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const { signal } = request;
  const calling = () => callHost("fetch", toCall(request));
  if (!(signal instanceof AbortSignal)) return responseFrom(await calling());
  signal.throwIfAborted();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  return responseFrom(await Promise.race([calling(), aborted]));
}

/** The host's answer: `{ status, statusText, url, headers, body }`. */
function responseFrom(answer: unknown): Response {
  if (typeof answer !== "object" || answer === null) throw new TypeError("the host gave no response");
  const part = (name: string): unknown => Reflect.get(answer, name);
  const headers = part("headers");
  return respond(
    part("body"),
    {
      status: Number(part("status")),
      statusText: `${part("statusText") ?? ""}`,
      headers: typeof headers === "object" && headers !== null ? Object.entries(headers) : [],
    },
    `${part("url") ?? ""}`,
  );
}

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract */
function contentTypeOf(body: unknown): string | undefined {
  if (typeof body === "string") return "text/plain;charset=UTF-8";
  return showTag.call(body) === "[object URLSearchParams]"
    ? "application/x-www-form-urlencoded;charset=UTF-8"
    : undefined;
}

function bodyText(body: unknown): string {
  if (body === undefined || body === null) return "";
  if (typeof body === "object" && (body instanceof ArrayBuffer || ArrayBuffer.isView(body))) {
    throw new TypeError("a body is text: binary bodies are not available");
  }
  return `${body}`;
}

provide({ AbortController, AbortSignal, Headers, Request, Response, fetch });
