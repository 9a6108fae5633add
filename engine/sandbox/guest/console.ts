import { elapsedMs } from "./clock.ts";
import { installLazily, provide } from "./globals.ts";
import { emit, kept, quote } from "./outbox.ts";

/** Charged for each line beside its text, so that empty lines are not free. */
const lineChars = 16;
/** More lines than this would keep whoever parses them from other work. */
const linesMax = 10_000;

let left = 0;
let lines = 0;
let truncated = false;

/** Sets how many characters of logs the run may write. */
export function setLogBudget(chars: number): void {
  left = chars;
}

/** Installs `console`: the five levels and their usual aliases. Strings as they are, the rest as JSON where it can be. */
export function installConsole(): void {
  installLazily(["console"], () => {
    const at =
      (level: string) =>
      (...args: unknown[]) =>
        write(level, args);
    const levels = { debug: at("debug"), log: at("log"), info: at("info"), warn: at("warn"), error: at("error") };
    provide({ console: { ...levels, trace: levels.debug, dir: levels.log } });
  });
}

/** Logs that a promise was rejected and nobody listened. */
export function logUnheard(text: string): void {
  write("warn", [`Uncaught (in promise) ${text}`]);
}

function write(level: string, args: unknown[]): void {
  if (truncated) return;
  let text = "";
  for (let i = 0; i < args.length && text.length <= left; i += 1) text += i === 0 ? show(args[i]) : ` ${show(args[i])}`;
  const room = kept.max(0, left - lineChars);
  left -= text.length + lineChars;
  lines += 1;
  if (left < 0 || lines > linesMax) truncated = true;
  if (!truncated || room > 0) {
    emit(`{"k":"log","level":"${level}","at":${elapsedMs()},"text":${quote(truncated ? kept.cut(text, room) : text)}}`);
  }
  if (truncated) emit('{"k":"truncated"}');
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "[function]";
  if (typeof value !== "object" || value === null) return String(value);
  try {
    if (value instanceof Error) return value.stack ?? `${value.name}: ${value.message}`;
    return (
      kept.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? "[object]"
    );
  } catch {
    return "[object]";
  }
}
