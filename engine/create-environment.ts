import * as v from "valibot";
import { Config } from "../schemas/config.ts";
import { environments, environmentVersions, signingKeys } from "../schemas/tables.ts";
import type { Engine } from "./engine.ts";
import { ScripError } from "./error.ts";
import { newSigningKey } from "./signing-keys.ts";
import { isUniqueViolation } from "./storage-fault.ts";

/**
 * Makes an environment with an empty configuration (version 1) and a signing key. Its id has one underscore, because a
 * key's parts are told apart by theirs. Throws `environment_exists`.
 */
export async function createEnvironment(engine: Engine, { id, name }: { id: string; name: string }): Promise<void> {
  const createdAt = engine.now();
  const key = await newSigningKey(engine, id);
  await engine.storage
    .write(async (tx) => {
      await tx.insert(environments).values({ id, name, revision: 1, configVersion: 1, createdAt });
      const document = JSON.parse(JSON.stringify(v.parse(Config, {})));
      await tx
        .insert(environmentVersions)
        .values({ environmentId: id, version: 1, document, workflows: {}, author: "scrip", createdAt });
      await tx.insert(signingKeys).values(key);
    })
    .catch((error: unknown) => {
      if (isUniqueViolation(error)) throw new ScripError("environment_exists", `There is an environment ${id} already`);
      throw error;
    });
}
