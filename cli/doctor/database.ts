import type { Client } from "@libsql/client";
import { type DataPlace, isThere, openData } from "../data-place.ts";
import { damageOf, schemaOf } from "../database-file.ts";
import { messageOf } from "../failure.ts";
import { keyStateOf } from "../master-key.ts";
import type { Terminal } from "../terminal.ts";
import { type Checked, type Finding, find } from "./findings.ts";

/** What was found, and the database open for more, where there is one that can be read. */
export type DatabaseSeen = { checked: Checked; client: Client | null };

const about = "database";
const slowMs = 50;

/** Whether the database answers, is of this version, is whole, and is sealed with the server's master key. */
export async function checkDatabase(terminal: Terminal, place: DataPlace): Promise<DatabaseSeen> {
  const none = (finding: Finding): DatabaseSeen => ({
    checked: { about, seen: "", findings: [finding] },
    client: null,
  });
  if (place.server === null && !(await isThere(place.file))) {
    return none(find("database_unbegun", `There is no file ${place.file}`));
  }
  const client = await openData(place);
  try {
    const answersMs = await timeToAnswer(client);
    const schema = await schemaOf(client);
    if (schema === null) {
      client.close();
      return none(find("database_unbegun", "It holds nothing of Scrip's yet"));
    }
    const damage = place.server === null ? await damageOf(client) : [];
    const findings = [
      ...damage.slice(0, 5).map((line) => find("database_damaged", line)),
      ...(schema.unknown.length > 0 ? [find("database_ahead", `It was migrated by ${schema.unknown.join(", ")}`)] : []),
      ...(schema.missing.length > 0 ? [find("database_behind", `It lacks ${schema.missing.join(", ")}`)] : []),
      ...(place.server !== null && answersMs > slowMs
        ? [find("database_slow", `It takes ${Math.round(answersMs)} ms to answer`)]
        : []),
      ...(await keyFindings(terminal, place, client)),
    ];
    const kind =
      place.server === null ? "a file, whole" : `${new URL(place.server.url).host}, ${answersMs.toFixed(1)} ms`;
    // newer versions add to the tables, older ones may lack some
    const isReadable = schema.missing.length === 0;
    if (!isReadable) client.close();
    return { checked: { about, seen: kind, findings }, client: isReadable ? client : null };
  } catch (error) {
    client.close();
    return none(find("database_unreachable", messageOf(error)));
  }
}

/** The best of three, after the one that connects. */
async function timeToAnswer(client: Client): Promise<number> {
  await client.execute("select 1");
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i += 1) {
    const startedMs = performance.now();
    await client.execute("select 1");
    best = Math.min(best, performance.now() - startedMs);
  }
  return best;
}

async function keyFindings(terminal: Terminal, place: DataPlace, client: Client): Promise<Finding[]> {
  const state = await keyStateOf(terminal, place, client);
  if (state === "other") return [find("master_key_other", "The master key opens none of its secrets")];
  return state === "not given" ? [find("master_key_missing", "No master key is set here")] : [];
}
