import { memberEvents } from "../../schemas/sales-tables.ts";
import { newEventId } from "../event-id.ts";
import type { Database } from "../storage.ts";

/** What happened to a member: one event of a type for each subject. */
export type HistoryEvent = Omit<typeof memberEvents.$inferInsert, "id" | "createdAt">;

/** Writes a member's history, inside the transaction that made it. What is there already is not written again. */
export async function remember(tx: Database, events: readonly HistoryEvent[], nowMs: number): Promise<void> {
  if (events.length === 0) return;
  await tx
    .insert(memberEvents)
    .values(events.map((event) => ({ ...event, id: newEventId(nowMs), createdAt: nowMs })))
    .onConflictDoNothing();
}
