import { vi } from "vitest";
import { domException, domExceptionClass } from "../../engine/sandbox/guest/dom-exception.ts";
import type { PartName } from "../../engine/sandbox/guest/parts.ts";

/** Loads a part of the guest's prelude into this process, where the platform's own can be compared with it. */
export async function guestPart(name: PartName): Promise<Record<string, unknown>> {
  const provided: Record<string, unknown> = {};
  const provide = (parts: Record<string, unknown>) => Object.assign(provided, parts);
  vi.stubGlobal("core", { domException, domExceptionClass, provide });
  await import(`../../engine/sandbox/guest/${name}.ts`);
  return provided;
}
