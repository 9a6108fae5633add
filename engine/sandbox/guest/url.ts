/** The URL standard's reference implementation. It has no types of its own; an author's are in `cli/workflow-globals.ts`. */
import type { Core } from "./parts.ts";

declare const core: Core;

const { URL, URLSearchParams }: Record<"URL" | "URLSearchParams", unknown> = require("whatwg-url");

core.provide({ URL, URLSearchParams });
