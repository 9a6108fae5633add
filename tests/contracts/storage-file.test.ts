import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient } from "@libsql/client";
import { createStorage, driverWaitMs } from "../../engine/storage.ts";
import { describeStorage } from "./storage.ts";

describeStorage("a libSQL file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "scrip-storage-"));
  const url = pathToFileURL(join(folder, "a.db")).href;
  return {
    open: () => createStorage(createClient({ url, timeout: driverWaitMs })),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});
