import { type ServerProcess, startServer } from "../runtime/server-process.ts";

/** A server that is killed with SIGKILL and started again on the same data, over and over. */
export type Victim = {
  url: string;
  /** The server that lives now, when it is up. */
  server(): Promise<ServerProcess>;
  /** No more kills; resolves when the last server is up. */
  spare(): Promise<void>;
  /** Ends it for good, politely. */
  stop(): Promise<void>;
  kills(): number;
};

/** What the victim is started with. `killEveryMs` is the mean life of a server, counted from when it listens. */
export type VictimOptions = { dataDir: string; env: Record<string, string>; killEveryMs: number; random: () => number };

/** Starts the first server, waits until it listens, and begins to kill. */
export async function startVictim({ dataDir, env, killEveryMs, random }: VictimOptions): Promise<Victim> {
  let current = startServer(dataDir, env);
  let [spared, stopped, kills] = [false, false, 0];
  const { url } = await current;
  const killing = (async () => {
    while (!spared) {
      await new Promise((resolve) => setTimeout(resolve, killEveryMs * (0.5 + random())));
      if (spared) return;
      await (await current).end("SIGKILL");
      kills += 1;
      current = startServer(dataDir, env);
      await current;
    }
  })();
  const spare = () => {
    spared = true;
    return killing;
  };
  return {
    url,
    server: () => current,
    spare,
    async stop() {
      await spare();
      if (stopped) return;
      stopped = true;
      await (await current).end("SIGTERM");
    },
    kills: () => kills,
  };
}
