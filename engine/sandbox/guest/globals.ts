import { kept } from "./outbox.ts";

// One of each for all globals: literals would be slower, and would inherit what an author puts on Object.prototype.
const plain: PropertyDescriptor = Object.create(null);
plain.configurable = true;
plain.enumerable = false;
plain.writable = true;
const accessor: PropertyDescriptor = Object.create(null);
accessor.configurable = true;
accessor.enumerable = false;

const provided: Record<string, unknown> = Object.create(null);

/** Puts `value` on the global object, as the platform's own globals are. */
export function install(name: string, value: unknown): void {
  define(globalThis, name, value);
}

/** Gives an object a property that is writable, configurable and not enumerable. */
export function define(target: object, name: PropertyKey, value: unknown): void {
  plain.value = value;
  kept.define(target, name, plain);
}

/**
 * Puts `names` on the global object without making them: the first use of one runs `load`, which must `provide` it. Every
 * context would pay for what few runs use: the URL standard alone costs more than the context itself.
 */
export function installLazily(names: readonly string[], load: () => unknown): void {
  for (const name of names) {
    const get = lazily(name, load);
    accessor.get = () => {
      const value = get();
      install(name, value);
      return value;
    };
    accessor.set = (value: unknown) => install(name, value);
    kept.define(globalThis, name, accessor);
  }
}

/** A function that gives what `load` provides as `name`; it runs `load` once, when it is first called. */
export function lazily(name: string, load: () => unknown): () => unknown {
  return () => {
    if (!(name in provided)) load();
    return provided[name];
  };
}

/** Hands over what was asked for lazily. Functions get the name they are provided by, whatever the bundler called them. */
export function provide(parts: Record<string, unknown>): void {
  const names = kept.keys(parts);
  // no iterator: an author may have replaced it
  for (let i = 0; i < names.length; i += 1) {
    const name = `${names[i]}`;
    const part = parts[name];
    if (typeof part === "function") define(part, "name", name);
    provided[name] = part;
  }
}
