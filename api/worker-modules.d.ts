declare module "scrip:guest" {
  /** The texts that guests are made of, put in by `build-worker.ts`. */
  const guest: import("../engine/sandbox/worker-loader.ts").GuestModules;
  export default guest;
}
