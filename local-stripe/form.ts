import { invalid } from "./errors.ts";

/** A decoded form: strings at the leaves, every bracket a level. Arrays are objects with index keys still. */
export interface Form {
  [key: string]: string | Form;
}

/**
 * Decodes `a=1&b[c]=2&d[0][e]=3&f[]=4` (Stripe API reference, "Introduction": form-encoded requests).
 * Throws a `StripeRefusal` for a name that is not of that shape, or one that is both value and parent.
 */
export function parseForm(encoded: string): Form {
  const form: Form = emptyForm();
  for (const [name, value] of new URLSearchParams(encoded)) {
    put(form, pathOf(name), value, name);
  }
  return form;
}

/** The same pairs in a fixed order: two requests with the same parameters give the same text. */
export function canonicalForm(encoded: string): string {
  const pairs = new URLSearchParams(encoded);
  pairs.sort();
  return pairs.toString();
}

const deepest = 10;

/** Without a prototype, `__proto__` is a parameter like any other. */
function emptyForm(): Form {
  return Object.create(null);
}

function pathOf(name: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  const [, head, rest] = match ?? [];
  if (head === undefined || rest === undefined) {
    throw invalid(`Invalid parameter name: ${name}`, { param: name });
  }
  const path = [head, ...Array.from(rest.matchAll(/\[([^[\]]*)\]/g), ([, key]) => key ?? "")];
  if (path.length > deepest) {
    throw invalid(`Parameter nested too deeply: ${name}`, { param: name });
  }
  return path;
}

function put(form: Form, path: string[], value: string, name: string): void {
  let level = form;
  for (const [depth, step] of path.entries()) {
    const key = step === "" ? String(Object.keys(level).length) : step;
    if (depth === path.length - 1) {
      level[key] = value;
      return;
    }
    const next = level[key] ?? emptyForm();
    if (typeof next === "string") {
      throw invalid(`Invalid parameter: ${name} is given both as a value and as an object`, { param: name });
    }
    level[key] = next;
    level = next;
  }
}
