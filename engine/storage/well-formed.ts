import type { InArgs, InStatement, InValue } from "@libsql/client";

/**
 * A statement whose texts a server can read. It answers a lone surrogate with an error of the protocol, as if it were
 * broken itself, and visitors choose some of the texts; a file's driver puts U+FFFD in its place, and so is done here.
 */
export function wellFormed(statement: InStatement): InStatement {
  if (typeof statement === "string" || statement.args === undefined) return statement;
  return { sql: statement.sql, args: wellFormedArgs(statement.args) };
}

/** The same of the arguments alone. */
export function wellFormedArgs(args: InArgs): InArgs {
  if (Array.isArray(args)) return args.map(wellFormedValue);
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, wellFormedValue(value)]));
}

function wellFormedValue(value: InValue): InValue {
  return typeof value === "string" ? value.toWellFormed() : value;
}
