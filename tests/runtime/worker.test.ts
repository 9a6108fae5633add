import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../fakes/free-port.ts";
import { type LibsqlServer, startLibsqlServer } from "../fakes/libsql-server.ts";
import { type RunningWorker, startWorker } from "../fakes/worker.ts";
import { journey } from "./journey.ts";
import { type Shop, setUpShop } from "./shop-setup.ts";

const masterKey = "m".repeat(40);

describe("on workerd with a libSQL server", () => {
  let database: LibsqlServer;
  let shop: Shop;
  let worker: RunningWorker;
  beforeAll(async () => {
    database = await startLibsqlServer();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    shop = await setUpShop({ databaseUrl: database.url, masterKey, url });
    const settings = {
      DATABASE_URL: database.url,
      SCRIP_MASTER_KEY: masterKey,
      PUBLIC_URL: url,
      STRIPE_API_URL: shop.stripe.url,
    };
    worker = await startWorker({ port, settings });
  });
  afterAll(async () => {
    await worker?.stop();
    await shop?.stop();
    await database?.stop();
  });

  test("health", async () => {
    const a = await fetch(`${worker.url}/healthz`);
    expect(await a.json()).toEqual({ status: "ok" });
    const r = await fetch(`${worker.url}/readyz`);
    expect([await r.text(), worker.log()]).toEqual([1, 2]);
  });

  test("the main job is done from end to end", async () => {
    await journey(shop.base).catch((e) => {
      console.log(worker.log().slice(0, 6000));
      throw e;
    });
  });
});
