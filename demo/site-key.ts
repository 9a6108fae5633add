import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import * as v from "valibot";
import { JsonObject } from "../schemas/json.ts";

/** The demo site's own key: the site is another company than the engine and signs its own users' JWTs. */
export type SiteKey = {
  jwks: { keys: JsonObject[] };
  /** A JWT (ES256, 24 hours) that says who a user of the site is. */
  signUserJwt(email: string): Promise<string>;
};

const StoredJwk = v.pipe(v.string(), v.parseJson(), v.looseObject({ kty: v.string(), d: v.string() }));

/** Loads the key of a data folder, or makes it. Processes that start at once end up with the same one. */
export async function loadSiteKey(dataDir: string): Promise<SiteKey> {
  const file = join(dataDir, "demo-site-key.json");
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const fresh = JSON.stringify({ ...(await exportJWK(privateKey)), kid: "demo-site", alg: "ES256" });
  await writeFile(file, fresh, { mode: 0o600, flag: "wx" }).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  });
  const { d, ...publicPart } = v.parse(StoredJwk, await readFile(file, "utf8"));
  const key = await importJWK({ ...publicPart, d }, "ES256");
  return {
    jwks: { keys: [v.parse(JsonObject, publicPart)] },
    signUserJwt: (email) =>
      new SignJWT({ email })
        .setProtectedHeader({ alg: "ES256", kid: "demo-site" })
        .setIssuer("scrip-demo-site")
        .setAudience("scrip")
        .setSubject(email)
        .setIssuedAt()
        .setExpirationTime("24h")
        .sign(key),
  };
}
