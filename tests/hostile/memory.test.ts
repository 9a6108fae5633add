import { describeFamily } from "./describe-family.ts";

describeFamily("memory");
