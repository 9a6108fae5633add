import type { html } from "hono/html";

/** Finished, escaped HTML. */
export type Html = ReturnType<typeof html>;

/** Where the server mounts the site. */
export const base = "/demo";
