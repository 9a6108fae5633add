import { Ajv, type ErrorObject } from "ajv";
import { coerce } from "./coerce.ts";
import { invalid, missing, type StripeRefusal } from "./errors.ts";
import type { Form } from "./form.ts";
import schemas from "./generated/params.json" with { type: "json" };
import type { Params, ParamsName } from "./params.ts";

/**
 * A form as the typed parameters of an endpoint. Throws the `StripeRefusal` Stripe would give:
 * `parameter_unknown`, `parameter_missing`, `parameter_invalid_integer`, `parameter_invalid_empty` … with the
 * offending name in bracket notation as `param`.
 */
export function readParams<Name extends ParamsName>(name: Name, form: Form): Params[Name] {
  const schema = schemas[name];
  const validate = ajv.compile<Params[Name]>(schema);
  const params: unknown = coerce(form, schema);
  if (validate(params)) {
    return params;
  }
  throw refusalOf(validate.errors ?? []);
}

/** Compiles each schema once: it remembers them by identity. Every fault is wanted, to name the one Stripe would. */
const ajv = new Ajv({ strict: true, allErrors: true, verbose: true, allowUnionTypes: false, strictTypes: false });

/** The order in which Stripe notices: what it does not know, what has the wrong form, what is missing. */
const order = ["additionalProperties", "type", "minLength", "enum", "pattern", "required"];

function refusalOf(errors: ErrorObject[]): StripeRefusal {
  const telling = errors.filter(({ keyword }) => order.includes(keyword));
  const sorted = telling.sort((a, b) => order.indexOf(a.keyword) - order.indexOf(b.keyword));
  const [first] = sorted;
  if (first === undefined) {
    return invalid("Invalid request.");
  }
  const describe = descriptions[first.keyword] ?? notOneOf;
  return describe(first, sorted);
}

type Describe = (error: ErrorObject, all: ErrorObject[]) => StripeRefusal;

const descriptions: Record<string, Describe> = {
  additionalProperties: (_, all) => unknownParams(all),
  required: (error) => missing(bracketed(error.instancePath, String(error.params.missingProperty))),
  type: wrongType,
  minLength: (error) => emptyString(bracketed(error.instancePath)),
  pattern: (error) => {
    const param = bracketed(error.instancePath);
    return invalid(`Invalid decimal: ${said(error)}`, { code: "parameter_invalid_string", param });
  },
};

function unknownParams(errors: ErrorObject[]): StripeRefusal {
  const names = errors
    .filter(({ keyword }) => keyword === "additionalProperties")
    .map(({ instancePath, params }) => bracketed(instancePath, String(params.additionalProperty)));
  const plural = names.length > 1 ? "parameters" : "parameter";
  return invalid(`Received unknown ${plural}: ${names.join(", ")}`, { code: "parameter_unknown", param: names[0] });
}

function wrongType(error: ErrorObject): StripeRefusal {
  const param = bracketed(error.instancePath);
  const wanted = String(error.params.type);
  if (error.data === "") {
    return emptyString(param);
  }
  if (wanted === "integer") {
    return invalid(`Invalid integer: ${said(error)}`, { code: "parameter_invalid_integer", param });
  }
  const name = { boolean: "boolean", array: "array", object: "object", string: "string", number: "decimal" }[wanted];
  return invalid(`Invalid ${name ?? wanted}: ${said(error)}`, { param });
}

function emptyString(param: string): StripeRefusal {
  return invalid(
    `You passed an empty string for '${param}'. We assume empty values are an attempt to unset a parameter; however '${param}' cannot be unset. You should remove '${param}' from your request or supply a non-empty value.`,
    { code: "parameter_invalid_empty", param },
  );
}

/** The words of an enum, in Stripe's sentence. */
function notOneOf(error: ErrorObject): StripeRefusal {
  const param = bracketed(error.instancePath);
  const allowed: unknown = error.params.allowedValues;
  const values = Array.isArray(allowed) ? allowed.map(String).filter((value) => value !== "") : [];
  const choices = new Intl.ListFormat("en", { type: "disjunction" }).format(values);
  return invalid(`Invalid ${param}: must be one of ${choices}`, { param });
}

function said({ data }: ErrorObject): string {
  return typeof data === "string" ? data : JSON.stringify(data);
}

/** `/line_items/0/price` as Stripe writes it: `line_items[0][price]`. */
function bracketed(instancePath: string, ...more: string[]): string {
  const unescaped = instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const [head = "", ...rest] = [...unescaped, ...more];
  return head + rest.map((step) => `[${step}]`).join("");
}
