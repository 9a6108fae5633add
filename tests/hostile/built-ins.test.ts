import { describeFamily } from "./describe-family.ts";

describeFamily("built-ins");
