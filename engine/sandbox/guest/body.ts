import type { Core } from "./parts.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

declare const core: Core;
const { kept } = core;

/** A body's content: text as long as nobody asks for its bytes. */
export type Content = string | Uint8Array<ArrayBuffer> | null;

const showTag = Object.prototype.toString;

/** https://fetch.spec.whatwg.org/#body-mixin, without streams, blobs and forms: a body is here as a whole. */
export class Body {
  bodyUsed = false;
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  async text(): Promise<string> {
    const content = this.take();
    if (typeof content !== "string") return content === null ? "" : decodeUtf8(content, false, false);
    return content.startsWith("\ufeff") ? content.slice(1) : content;
  }

  async json(): Promise<unknown> {
    return kept.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const content = this.take();
    if (typeof content !== "string") return content === null ? new Uint8Array() : content.slice();
    return new Uint8Array(encodeUtf8(content));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  protected take(): Content {
    const content = this.peek();
    // null can be read as often as one likes
    this.bodyUsed = content !== null;
    return content;
  }

  protected peek(): Content {
    if (this.bodyUsed) throw new TypeError("the body has been read already");
    return this.#content;
  }
}

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract */
export function contentOf(body: unknown): Content {
  if (body === undefined || body === null) return null;
  if (typeof body !== "object") return `${body}`;
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  return `${body}`;
}

/** The type that a body brings along; bytes have none. */
export function contentTypeOf(body: unknown): string | undefined {
  if (typeof body === "string") return "text/plain;charset=UTF-8";
  return showTag.call(body) === "[object URLSearchParams]"
    ? "application/x-www-form-urlencoded;charset=UTF-8"
    : undefined;
}
