import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServer, temporaryFolder } from "../runtime/server-process.ts";
import { markedBlocks, readDocument } from "./marked-blocks.ts";
import { asShown, runBlocks, type Step } from "./shell-session.ts";

const blocks = markedBlocks(readDocument("docs/operating.md"));
const settings = {
  NODE_ENV: "production",
  PUBLIC_URL: "https://offers.example.com",
  SCRIP_MASTER_KEY: "the master key of the documents' tests",
  SCRIP_ADMIN_TOKEN: "the-admin-token-of-the-documents-tests",
};

let folder: { path: string; remove(): Promise<void> };
let server: ServerProcess;
let steps: Step[];
beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder.path, "data"));
  server = await startServer(join(folder.path, "data"), settings);
  const env = { SCRIP_ADMIN_TOKEN: settings.SCRIP_ADMIN_TOKEN };
  steps = await runBlocks(blocks, { folder: folder.path, url: server.url, env });
});
afterAll(async () => {
  await server.end("SIGTERM");
  await folder.remove();
});

test.each(blocks.filter(({ mark }) => mark === "run").map(({ text, line }) => [line, text.split("\n")[0]] as const))(
  "docs/operating.md:%i prints on a production server what it shows: %s",
  (line) => {
    const step = steps.find(({ block }) => block.line === line);
    if (!step?.shown) throw new Error("the block shows nothing");
    expect(asShown(step.printed, step.shown)).toBe(step.shown);
  },
);

test("the line of the start names where it listens and the public address", () => {
  expect(server.output().trim()).toBe(`Scrip listens at ${server.url}, for https://offers.example.com`);
});
