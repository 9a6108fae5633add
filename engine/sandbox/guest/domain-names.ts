/** Unicode's rules for domain names (https://www.unicode.org/reports/tr46/), for `url.ts`. */
import type { Core } from "./parts.ts";

declare const core: Core;

const { toASCII }: { toASCII: unknown } = require("tr46");

core.provide({ toASCII });
