import { createProcessPool } from "../../engine/sandbox/process-pool.ts";
import { describeSandbox } from "./sandbox.ts";

describeSandbox("the process pool", () => createProcessPool({ processes: 2 }));
