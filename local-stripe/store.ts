import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { type Objects, openObjects } from "./objects.ts";
import { type Outbox, openOutbox } from "./outbox.ts";
import { openTables } from "./tables.ts";

/** The first answer to an idempotent request. */
export interface SavedAnswer {
  key: string;
  method: string;
  path: string;
  /** `canonicalForm` of the body. */
  form: string;
  status: number;
  body: string;
  requestId: string;
  /** Unix seconds. */
  created: number;
}

/** Everything this Stripe remembers. Every call is synchronous: between two of them nothing else happens. */
export interface Store extends Objects, Outbox {
  /** All of the writes in `work`, or none when it throws. Within another transaction it is a part of that one. */
  transaction<T>(work: () => T): T;
  /** Calls `listener` after each transaction. */
  afterTransactions(listener: () => void): void;
  savedAnswer(key: string): SavedAnswer | undefined;
  saveAnswer(answer: SavedAnswer): void;
  forgetAnswersBefore(created: number): void;
  setting(name: string): string | undefined;
  putSetting(name: string, value: string): void;
  close(): void;
}

/** Opens the store in a SQLite file, or in memory without one. */
export function openStore(file = ":memory:"): Store {
  // several development servers may share a file, and start at once
  const database = new DatabaseSync(file, { timeout: 5000 });
  openTables(database);
  return {
    ...openObjects(database),
    ...openOutbox(database),
    ...openTransactions(database),
    ...openAnswers(database),
    ...openSettings(database),
    close: () => database.close(),
  };
}

function openTransactions(database: DatabaseSync) {
  const begin = database.prepare("begin immediate");
  const commit = database.prepare("commit");
  const rollback = database.prepare("rollback");
  const listeners: (() => void)[] = [];
  let within = false;
  const outermost = <T>(work: () => T): T => {
    begin.run();
    within = true;
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      rollback.run();
      throw error;
    } finally {
      within = false;
    }
  };
  return {
    afterTransactions: (listener: () => void) => {
      listeners.push(listener);
    },
    transaction: <T>(work: () => T): T => {
      if (within) {
        return work();
      }
      const result = outermost(work);
      for (const listener of listeners) {
        listener();
      }
      return result;
    },
  };
}

const answerSchema = v.object({
  key: v.string(),
  method: v.string(),
  path: v.string(),
  form: v.string(),
  status: v.number(),
  body: v.string(),
  requestId: v.string(),
  created: v.number(),
});

function openAnswers(database: DatabaseSync) {
  const get = database.prepare("select * from answers where key = ?");
  const put = database.prepare(
    "insert or replace into answers (key, method, path, form, status, body, requestId, created) values (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const forget = database.prepare("delete from answers where created < ?");
  return {
    savedAnswer: (key: string) => v.parse(v.optional(answerSchema), get.get(key)),
    saveAnswer: ({ key, method, path, form, status, body, requestId, created }: SavedAnswer) => {
      put.run(key, method, path, form, status, body, requestId, created);
    },
    forgetAnswersBefore: (created: number) => {
      forget.run(created);
    },
  };
}

function openSettings(database: DatabaseSync) {
  const get = database.prepare("select value from settings where name = ?");
  const put = database.prepare("insert or replace into settings (name, value) values (?, ?)");
  return {
    setting: (name: string) => v.parse(v.optional(v.object({ value: v.string() })), get.get(name))?.value,
    putSetting: (name: string, value: string) => {
      put.run(name, value);
    },
  };
}
