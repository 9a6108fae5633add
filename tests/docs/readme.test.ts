import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServer, temporaryFolder } from "../runtime/server-process.ts";
import { markedBlock, markedBlocks, readDocument } from "./marked-blocks.ts";
import { asShown, runBlocks, type Step } from "./shell-session.ts";

const readme = readDocument("README.md");

let folder: { path: string; remove(): Promise<void> };
let server: ServerProcess;
let steps: Step[];
beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder.path, "data"));
  server = await startServer(join(folder.path, "data"));
  steps = await runBlocks(markedBlocks(readme), { folder: folder.path, url: server.url });
});
afterAll(async () => {
  await server.end("SIGTERM");
  await folder.remove();
});

const shownBlocks = markedBlocks(readme).filter(({ mark }) => mark === "run");

test.each(shownBlocks.map(({ text, line }) => [line, text.split("\n")[0]] as const))(
  "README.md:%i prints what it shows: %s",
  (line) => {
    const step = steps.find(({ block }) => block.line === line);
    if (step === undefined) throw new Error("the block was not run");
    if (step.shown === null) expect(step.printed).toBe("");
    else expect(asShown(step.printed, step.shown)).toBe(step.shown);
  },
);

test("the greeting is what the server prints", () => {
  const port = Number(new URL(server.url).port);
  const shown = markedBlock(readme, "greeting")
    .replaceAll("127.0.0.1:8787", `127.0.0.1:${port}`)
    .replaceAll("127.0.0.1:8788", `127.0.0.1:${port + 1}`)
    .replace("data/dev.json", join(server.dataDir, "dev.json"));
  expect(server.output().trimEnd()).toBe(shown);
});

test.each(["/demo", "/docs", "/openapi.json"])("%s is there", async (path) => {
  expect((await fetch(server.url + path)).status).toBe(200);
});

test("the two commands are scripts of this package", () => {
  const { scripts } = JSON.parse(readDocument("package.json"));
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
});
