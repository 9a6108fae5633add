/** What `new Headers(…)` takes. */
export type HeadersLike = Headers | Iterable<readonly [string, string]> | Record<string, string> | undefined;

const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110 section 5.5
const valuePattern = /[\0\r\n]/;

/**
 * The Fetch standard's `Headers`: names in lower case, values of one name joined by a comma, but for `set-cookie`, sorted when
 * listed.
 */
export class Headers {
  readonly #values = new Map<string, string[]>();

  constructor(init?: HeadersLike) {
    if (init === undefined || init === null) return;
    const pairs = init instanceof Headers || isIterable(init) ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name: string, value: string): void {
    const text = checked(name, value);
    const values = this.#values.get(key(name));
    if (values === undefined) this.#values.set(key(name), [text]);
    else values.push(text);
  }

  delete(name: string): void {
    this.#values.delete(key(name));
  }

  get(name: string): string | null {
    return this.#values.get(key(name))?.join(", ") ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(key(name));
  }

  set(name: string, value: string): void {
    this.#values.set(key(name), [checked(name, value)]);
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])];
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this.entries()) callback(value, name, this);
  }

  *entries(): Generator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }

  *keys(): Generator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): Generator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries();
  }
}

function checked(name: string, value: string): string {
  const text = `${value}`.trim();
  if (valuePattern.test(text)) throw new TypeError(`the value of the header "${name}" has forbidden characters`);
  return text;
}

function key(name: string): string {
  const text = `${name}`;
  if (!namePattern.test(text)) throw new TypeError(`"${text}" is not a header's name`);
  return text.toLowerCase();
}

function isIterable(value: object): value is Iterable<readonly [string, string]> {
  return Symbol.iterator in value;
}
