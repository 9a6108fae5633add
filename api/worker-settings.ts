import { readSettings, type Settings, type SettingsResult } from "./config.ts";

/** What a Worker must be told: no file takes the place of these, and nothing is made up where they are missing. */
export type WorkerSettings = Settings & { databaseUrl: string; masterKey: string; publicUrl: string };

/**
 * Settings of a Worker's bindings, by the schema that the environment variables of Node have. Bindings that are no text are
 * left out.
 */
export function readWorkerSettings(
  bindings: object,
): { ok: true; settings: WorkerSettings } | Extract<SettingsResult, { ok: false }> {
  const texts = Object.entries(bindings).filter(([, value]) => typeof value === "string");
  // nobody deploys for development, and what is allowed there must not be so by accident
  const read = readSettings({ NODE_ENV: "production", ...Object.fromEntries(texts) });
  if (!read.ok) return read;
  const { databaseUrl, masterKey, publicUrl } = read.settings;
  const problems: string[] = [];
  if (databaseUrl === null || !/^(libsql|https?):/.test(databaseUrl)) {
    problems.push("DATABASE_URL must be a libSQL server's: libsql://db.example.com, or https:// or http://");
  }
  if (masterKey === null) problems.push("SCRIP_MASTER_KEY is missing: a Worker has no folder to keep one in");
  if (publicUrl === null)
    problems.push("PUBLIC_URL is missing: the address that buyers' browsers reach this Worker at");
  if (databaseUrl === null || masterKey === null || publicUrl === null || problems.length > 0) {
    return { ok: false, problems };
  }
  const address = publicUrl.replace(/\/+$/, "");
  return { ok: true, settings: { ...read.settings, databaseUrl, masterKey, publicUrl: address } };
}
