declare module "cloudflare:workers" {
  /** An object whose methods another Worker may call. */
  export class RpcTarget {}
  /** What another Worker calls first. */
  export class WorkerEntrypoint {}
}

declare module "scrip:prelude" {
  /** Runs the prelude and gives the way into the guest: `enter` of `entry.ts`. */
  const prelude: () => (
    what: "start" | "settle" | "fire" | "unheard" | "drain",
    nowMs: number,
    id: number,
    ok: boolean,
    text: string,
    terms: string,
    evaluate: () => void,
  ) => string;
  export default prelude;
}

declare module "workflow.js" {
  /** Runs the compiled script, which leaves the workflow in `globalThis.__workflow`. */
  const evaluate: () => void;
  export default evaluate;
}
