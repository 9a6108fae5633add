/** What runs in an isolate's outer realm, see `outer-realm.ts`. */
import { lockdown } from "./lockdown.ts";

lockdown();
