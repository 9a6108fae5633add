import { eq, sql } from "drizzle-orm";
import { environments } from "../schemas/tables.ts";
import { ScripError } from "./error.ts";
import type { Database } from "./storage.ts";

/** Marks an environment as changed, for every process that keeps it in memory. Throws `environment_not_found`. */
export async function bumpRevision(tx: Database, environmentId: string): Promise<number> {
  const [row] = await tx
    .update(environments)
    .set({ revision: sql`${environments.revision} + 1` })
    .where(eq(environments.id, environmentId))
    .returning({ revision: environments.revision });
  if (row === undefined) throw new ScripError("environment_not_found", `No environment ${environmentId}`);
  return row.revision;
}
