import type { Context } from "./context.ts";
import type { Form } from "./form.ts";
import type { Params, ParamsName } from "./params.ts";
import { readParams } from "./read-params.ts";

/** One operation of the API: what it listens to and what it does. */
export interface Endpoint {
  method: "DELETE" | "GET" | "POST";
  /** In Hono's notation; the object's id, if any, is `:id`. */
  path: string;
  /** Reads the parameters, throwing a `StripeRefusal` for wrong ones, and gives what remains to be done. */
  prepare(form: Form): Prepared;
}

/** An operation with its parameters read. */
export interface Prepared {
  /** The paths of the answer to expand. */
  expand: readonly string[];
  /** Runs within one transaction; throws a `StripeRefusal` to undo all of it. */
  run(context: Context, id: string): object;
}

/** An endpoint whose parameters have the schema `params` and reach `run` typed. */
export function endpoint<Name extends ParamsName>(
  method: Endpoint["method"],
  path: string,
  params: Name,
  run: (context: Context, params: Params[Name], id: string) => object,
): Endpoint {
  return {
    method,
    path,
    prepare: (form) => {
      const read: Params[Name] = readParams(params, form);
      return { expand: expandOf(read), run: (context, id) => run(context, read, id) };
    },
  };
}

function expandOf(params: { expand?: string[] }): readonly string[] {
  return params.expand ?? [];
}
