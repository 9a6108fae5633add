import { AsyncLocalStorage } from "node:async_hooks";
import type { Engine } from "../engine/engine.ts";

/**
 * One engine for each request, where a runtime ends what a request has begun together with it: whoever waited for
 * another request's work would wait for ever. `run` does a request's work with its engine.
 */
export type RequestEngines = {
  /** Stands for the engine of the request under way, so that routes are made once and not for every request. */
  current: Engine;
  run<T>(engine: Engine, work: () => T): T;
};

/** `sample` is any engine: what the others have it has too. */
export function createRequestEngines(sample: Engine): RequestEngines {
  const underWay = new AsyncLocalStorage<Engine>();
  const current = { ...sample };
  for (const key of Object.keys(sample)) {
    const get = () => {
      const engine = underWay.getStore();
      if (engine === undefined) throw new Error(`${key} of an engine was asked for outside of a request`);
      return Reflect.get(engine, key);
    };
    Object.defineProperty(current, key, { get, enumerable: true });
  }
  return { current, run: (engine, work) => underWay.run(engine, work) };
}
