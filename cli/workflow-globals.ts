/**
 * TypeScript declarations of the globals that the sandbox gives a workflow beside the language's own. They are kept as
 * text, because as a `.d.ts` of this project they would stand beside Node's. A test compares them with the sandbox.
 */
export const workflowGlobals = `/** What a workflow has beside the language itself. There is no file system, no process and no network but fetch. */

interface Console {
  debug(...data: unknown[]): void;
  dir(...data: unknown[]): void;
  error(...data: unknown[]): void;
  info(...data: unknown[]): void;
  log(...data: unknown[]): void;
  trace(...data: unknown[]): void;
  warn(...data: unknown[]): void;
}
/** Goes into the redemption's event. */
declare var console: Console;

// biome-ignore lint/suspicious/noExplicitAny: as the DOM types it
declare function setTimeout(callback: (...args: any[]) => unknown, ms?: number, ...args: unknown[]): number;
// biome-ignore lint/suspicious/noExplicitAny: as the DOM types it
declare function setInterval(callback: (...args: any[]) => unknown, ms?: number, ...args: unknown[]): number;
declare function clearTimeout(id: number | undefined): void;
declare function clearInterval(id: number | undefined): void;
declare function queueMicrotask(callback: () => unknown): void;

/** The time of the slice: it stands still while the workflow computes. */
declare var performance: { readonly timeOrigin: number; now(): number; toJSON(): { timeOrigin: number } };

/** Binary text to base64. */
declare function btoa(text: string): string;
/** Base64 to binary text. */
declare function atob(base64: string): string;

declare class TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}
/** UTF-8 only. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBuffer | ArrayBufferView): string;
}

/** An error of the web platform. */
declare class DOMException extends Error {
  constructor(message?: string, nameOrOptions?: string | { name?: string; cause?: unknown });
  readonly code: number;
}

/** Transfers nothing. */
declare function structuredClone<T>(value: T, options?: { transfer?: readonly [] }): T;

/** https://url.spec.whatwg.org/ */
declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
}
declare class URLSearchParams {
  constructor(init?: Iterable<readonly [string, string]> | Record<string, string> | string);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}

type BufferSource = ArrayBuffer | ArrayBufferView;
type HashName = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
interface CryptoKey {
  readonly type: "secret";
  readonly extractable: boolean;
  readonly algorithm: { readonly name: "HMAC"; readonly hash: { readonly name: HashName }; readonly length: number };
  readonly usages: readonly ("sign" | "verify")[];
}
/** Digests and HMAC. They count as CPU time of the run: SHA-256 takes about half a millisecond for 1,000 bytes. */
interface SubtleCrypto {
  digest(algorithm: HashName | { name: HashName }, data: BufferSource): Promise<ArrayBuffer>;
  importKey(
    format: "raw",
    keyData: BufferSource,
    algorithm: { name: "HMAC"; hash: HashName | { name: HashName }; length?: number },
    extractable: boolean,
    usages: readonly ("sign" | "verify")[],
  ): Promise<CryptoKey>;
  exportKey(format: "raw", key: CryptoKey): Promise<ArrayBuffer>;
  sign(algorithm: "HMAC" | { name: "HMAC" }, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  verify(
    algorithm: "HMAC" | { name: "HMAC" },
    key: CryptoKey,
    signature: BufferSource,
    data: BufferSource,
  ): Promise<boolean>;
}
interface Crypto {
  readonly subtle: SubtleCrypto;
  /** Nobody can foresee the values; a run that is replayed sees the same again. */
  getRandomValues<T extends ArrayBufferView>(view: T): T;
  randomUUID(): \`\${string}-\${string}-\${string}-\${string}-\${string}\`;
}
declare var crypto: Crypto;

interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
}
declare class Event {
  constructor(type: string, init?: EventInit);
  readonly type: string;
  readonly target: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly defaultPrevented: boolean;
  readonly eventPhase: number;
  readonly isTrusted: boolean;
  readonly timeStamp: number;
  composedPath(): EventTarget[];
  preventDefault(): void;
  stopImmediatePropagation(): void;
  stopPropagation(): void;
}
type EventListenerOrObject = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
declare class EventTarget {
  addEventListener(
    type: string,
    listener: EventListenerOrObject | null,
    options?: boolean | { capture?: boolean; once?: boolean; signal?: AbortSignal },
  ): void;
  removeEventListener(type: string, listener: EventListenerOrObject | null, options?: boolean | { capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}
declare class AbortSignal extends EventTarget {
  private constructor();
  static abort(reason?: unknown): AbortSignal;
  static timeout(ms: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  readonly aborted: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as the DOM types it
  readonly reason: any;
  onabort: ((event: Event) => unknown) | null;
  throwIfAborted(): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;
declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  /** One for each cookie: their values may have commas. */
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/** Text, bytes, or what has a text, such as URLSearchParams. There are no streams, blobs and forms. */
type BodyInit = string | BufferSource | { toString(): string };
interface Body {
  readonly bodyUsed: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  text(): Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: as the DOM types it
  json(): Promise<any>;
}
interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: "follow" | "error" | "manual";
  signal?: AbortSignal | null;
}
interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}
interface Request extends Body {}
declare class Request {
  constructor(input: Request | string | { toString(): string }, init?: RequestInit);
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly redirect: "follow" | "error" | "manual";
  readonly signal: AbortSignal;
  clone(): Request;
}
interface Response extends Body {}
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit);
  static error(): Response;
  static json(value: unknown, init?: ResponseInit): Response;
  static redirect(url: string | { toString(): string }, status?: 301 | 302 | 303 | 307 | 308): Response;
  readonly type: "basic" | "default" | "error";
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly ok: boolean;
  clone(): Response;
}
/** Reaches the environment's outboundOrigins, and nothing else. */
declare function fetch(input: Request | string | { toString(): string }, init?: RequestInit): Promise<Response>;
`;
