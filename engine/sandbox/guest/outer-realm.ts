import { kept } from "./outbox.ts";

// put around the bundle by child-program.ts: `outer-lockdown.ts` as text
declare const outerLockdown: string;

/**
 * isolated-vm reads what unheard promises were rejected with, getters and all, from a realm of its own. There is one in each
 * isolate, and it outlives runs. An author's proxy that stands in for a getter is handed an array made there; by its
 * constructor's constructor it would compile text, and find all that `lockdown` takes away. So it is locked by the same way,
 * before any code of an author runs in the isolate. Rejects a promise with what says "sealed" when that was done.
 */
export function sealOuterRealm(): void {
  const getter = new Proxy(() => "", {
    apply: (_target, _self, given) => {
      const outerFunction: unknown = Reflect.get(Reflect.get(given, "constructor"), "constructor");
      if (typeof outerFunction !== "function" || outerFunction === Function) return "not the outer realm";
      outerFunction(outerLockdown)();
      return "sealed";
    },
  });
  const bait = {};
  kept.define(bait, "message", { get: getter });
  void Promise.reject(bait);
}
