import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createClient } from "@libsql/client";
import { eq } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Patience, remoteOptions } from "../../engine/storage/remote-client.ts";
import { createStorage, type Storage } from "../../engine/storage.ts";
import { storageFault } from "../../engine/storage-fault.ts";
import { type LibsqlServer, noLibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import { counters, makeTables, standOf } from "./storage.ts";

/** Short, so that a test need not wait. */
const patience: Patience = { readMs: 300, writeMs: 600, restMs: 100 };

describe.each(["http", "ws"] as const)("a libSQL server over %s", (protocol) => {
  let server: LibsqlServer;
  const storages: Storage[] = [];

  const open = (of: Patience = patience, port = new URL(server.url).port) => {
    const url = `${protocol}://127.0.0.1:${port}`;
    const storage = createStorage(createClient({ url, ...remoteOptions(fetch, of) }), of);
    storages.push(storage);
    return storage;
  };

  beforeEach(async ({ skip }) => {
    if (noLibsqlServer !== null) skip(noLibsqlServer);
    server = await startLibsqlServer();
    await makeTables(open());
  });
  afterEach(async () => {
    for (const storage of storages.splice(0)) storage.close();
    await server?.stop();
  });

  test("that is killed inside of a write leaves nothing half written, and is used again when it is back", async () => {
    const storage = open();
    const written = storage.write(async (tx) => {
      await tx.insert(counters).values({ name: "first", value: 1 });
      await server.kill();
      await tx.insert(counters).values({ name: "second", value: 2 });
    });
    // who shares the transaction is told the same
    const beside = storage.write((tx) => tx.insert(counters).values({ name: "beside", value: 3 }));
    const outcomes = await Promise.allSettled([written, beside]);
    expect(outcomes.map(faultOf)).toEqual(["unavailable", "unavailable"]);
    expect(faultOf(await settled(storage.db.select().from(counters)))).toBe("unavailable");
    await server.restart();
    await untilItAnswers(storage);
    expect(await storage.db.select().from(counters)).toEqual([]);
    await storage.write((tx) => tx.insert(counters).values({ name: "first", value: 4 }));
    expect(await standOf(storage, "first")).toBe(4);
  });

  test("that is started anew inside of a write takes nothing more of it", async () => {
    const storage = open();
    const written = storage.write(async (tx) => {
      await tx.insert(counters).values({ name: "first", value: 1 });
      await server.restart();
      // whoever goes on regardless writes nothing: neither by itself nor with others
      await tx
        .insert(counters)
        .values({ name: "second", value: 2 })
        .catch(() => undefined);
      await tx
        .insert(counters)
        .values({ name: "third", value: 3 })
        .catch(() => undefined);
    });
    expect(faultOf(await settled(written))).toBe("unavailable");
    await untilItAnswers(storage);
    expect(await storage.db.select().from(counters)).toEqual([]);
  });

  test("that takes a transaction away after five seconds takes nothing more of it, nor of those that share it", async () => {
    const patient = { readMs: 3000, writeMs: 10_000, restMs: 100 };
    const [slow, other] = [open(patient), open(patient)];
    const began = Promise.withResolvers<void>();
    const written = slow.write(async (tx) => {
      await tx.insert(counters).values({ name: "held", value: 1 });
      began.resolve();
      await others;
      await tx
        .insert(counters)
        .values({ name: "held-too", value: 2 })
        .catch(() => undefined);
      await tx
        .insert(counters)
        .values({ name: "held-as-well", value: 3 })
        .catch(() => undefined);
    });
    const beside = slow.write((tx) => tx.insert(counters).values({ name: "beside", value: 4 }));
    const others = began.promise.then(() =>
      other.write((tx) => tx.insert(counters).values({ name: "others", value: 5 })),
    );
    const [first] = await Promise.allSettled([written, beside]);
    expect(faultOf(first)).toBe("busy");
    await beside.catch(() => undefined);
    const names = (await other.db.select().from(counters)).map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("held"))).toEqual([]);
    expect(names).toContain("others");
    // the one beside it is there or was told that it is not
    expect(names.includes("beside")).toBe((await settled(beside)).status === "fulfilled");
  });

  test("that hangs is waited for a moment only, then not at all, and is used again when it goes on", async () => {
    const storage = open();
    await standOf(storage, "nobody");
    server.pause();
    const startedMs = performance.now();
    const outcomes = await Promise.allSettled([
      standOf(storage, "nobody"),
      standOf(storage, "nobody"),
      storage.write((tx) => tx.insert(counters).values({ name: "hangs", value: 1 })),
      storage.writeOne((tx) => tx.insert(counters).values({ name: "hangs-alone", value: 1 })),
    ]);
    expect(outcomes.map(faultOf)).toEqual(Array(4).fill("unavailable"));
    expect(performance.now() - startedMs).toBeLessThan(patience.writeMs * 4);
    // many who come now are not each kept waiting
    const many = await Promise.allSettled(Array.from({ length: 200 }, () => standOf(storage, "nobody")));
    expect(many.map(faultOf)).toEqual(Array(200).fill("unavailable"));
    expect(performance.now() - startedMs).toBeLessThan(patience.writeMs * 6);
    server.resume();
    await untilItAnswers(storage);
    // a transaction that the server began after its caller had gone holds the lock, for five seconds at most
    const patient = open({ readMs: 3000, writeMs: 6000, restMs: 100 });
    await patient.write((tx) => tx.insert(counters).values({ name: "later", value: 1 }));
    expect(await standOf(storage, "later")).toBe(1);
  });

  test("whose network swallows everything is used again when connections can be made again", async () => {
    const network = await startProxy(Number(new URL(server.url).port));
    const storage = open(patience, network.port);
    await storage.write((tx) => tx.insert(counters).values({ name: "before", value: 1 }));
    network.swallow();
    const outcomes = await Promise.allSettled(Array.from({ length: 500 }, () => standOf(storage, "before")));
    expect(new Set(outcomes.map(faultOf))).toEqual(new Set(["unavailable"]));
    expect(faultOf(await settled(storage.write((tx) => tx.select().from(counters))))).toBe("unavailable");
    network.heal();
    await untilItAnswers(storage);
    expect(await standOf(storage, "before")).toBe(1);
    await network.close();
  });

  test("that comes and goes under forty writers has each write once or not, as its writer was told", async () => {
    const storage = open();
    const told = new Map<string, string>();
    let stop = false;
    const writers = Array.from({ length: 40 }, async (_, writer) => {
      for (let i = 0; !stop; i++) {
        const names = [`${writer}-${i}-a`, `${writer}-${i}-b`];
        const outcome = await settled(
          storage.write(async (tx) => {
            for (const name of names) await tx.insert(counters).values({ name, value: i });
          }),
        );
        told.set(`${writer}-${i}`, outcome.status === "fulfilled" ? "written" : `${faultOf(outcome)}`);
        if (outcome.status === "rejected") await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await server.kill();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await server.restart();
    }
    await untilItAnswers(storage);
    stop = true;
    await Promise.all(writers);
    await untilItAnswers(storage);
    const there = new Set((await storage.db.select().from(counters)).map(({ name }) => name));
    const words = [...told.values()];
    expect(words.filter((word) => !["written", "unavailable", "busy"].includes(word))).toEqual([]);
    expect(words).toContain("written");
    expect(words).toContain("unavailable");
    for (const [name, word] of told) {
      const both = [there.has(`${name}-a`), there.has(`${name}-b`)];
      expect(both[0]).toBe(both[1]);
      if (word === "written") expect(both[0]).toBe(true);
    }
  });
});

/** A network between: connections made before it heals stay dead, as where no packet comes through any more. */
async function startProxy(target: number) {
  let dead = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    let mine = dead;
    const pass = (to: Socket) => (chunk: Buffer) => {
      mine ||= dead;
      if (!mine) to.write(chunk);
    };
    near.on("data", pass(far)).on("close", () => far.destroy());
    far.on("data", pass(near)).on("close", () => mine || near.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const address = proxy.address();
  return {
    port: typeof address === "object" && address !== null ? String(address.port) : "",
    swallow: () => {
      dead = true;
    },
    heal: () => {
      dead = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  return promise.then(
    (value) => ({ status: "fulfilled", value }),
    (reason: unknown) => ({ status: "rejected", reason }),
  );
}

function faultOf(outcome: PromiseSettledResult<unknown> | undefined): string | null {
  if (outcome?.status !== "rejected") return "none";
  return storageFault(outcome.reason) ?? String(outcome.reason);
}

async function untilItAnswers(storage: Storage): Promise<void> {
  const untilMs = performance.now() + 5000;
  while ((await settled(storage.db.select().from(counters).where(eq(counters.value, -1)))).status === "rejected") {
    if (performance.now() > untilMs) throw new Error("the server is back, and is not asked");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
