import { eq, sql } from "drizzle-orm";
import { webhookDeliveries } from "../../schemas/webhook-tables.ts";
import type { Storage } from "../storage.ts";

/** Counted no further: what matters then is that it is long. */
export const longestCounted = 10_000;

/** How many webhooks of this database wait to be sent, for the first time or again; `longestCounted` for that or more. */
export async function webhookQueueLength({ db }: Storage): Promise<number> {
  const pending = db
    .select({ one: sql`1` })
    .from(webhookDeliveries)
    .where(eq(webhookDeliveries.status, "pending"))
    .limit(longestCounted);
  return db.$count(pending.as("pending"));
}
