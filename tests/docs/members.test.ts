import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entitlementStates, overBecause } from "../../engine/explain-entitlements.ts";
import { listedStatuses } from "../../engine/read-purchases.ts";
import { handledTypes } from "../../engine/stripe-webhooks.ts";
import { type ServerProcess, startServer, temporaryFolder } from "../runtime/server-process.ts";
import { markedBlock, markedBlocks, markedTable, plain, readDocument } from "./marked-blocks.ts";
import { asShown, runBlocks, type Step } from "./shell-session.ts";

const page = readDocument("docs/members.md");
const blocks = markedBlocks(page);

let folder: { path: string; remove(): Promise<void> };
let server: ServerProcess;
let steps: Step[];
beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder.path, "data"));
  server = await startServer(join(folder.path, "data"));
  steps = await runBlocks(blocks, { folder: folder.path, url: server.url });
});
afterAll(async () => {
  await server.end("SIGTERM");
  await folder.remove();
});

test.each(blocks.filter(({ mark }) => mark === "run").map(({ text, line }) => [line, text.split("\n")[0]] as const))(
  "docs/members.md:%i prints what it shows: %s",
  (line) => {
    const step = steps.find(({ block }) => block.line === line);
    if (step === undefined) throw new Error("the block was not run");
    expect(asShown(step.printed, step.shown ?? "")).toBe(step.shown ?? "");
  },
);

describe("the page names, in their order, all", () => {
  test.each([
    ["states", entitlementStates],
    ["over", overBecause],
    ["statuses", listedStatuses],
  ] as const)("%s", (mark, words) => {
    const written = markedTable(page, mark).slice(1);
    expect(written.map(([word]) => plain(word))).toEqual(words);
  });

  test("types of events that the endpoint at Stripe must send", () => {
    expect(markedBlock(page, "events").split("\n")).toEqual(handledTypes);
  });
});
