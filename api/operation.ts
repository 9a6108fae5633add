import type { ConversionConfig } from "@valibot/to-json-schema";
import type { Handler } from "hono";
import { type DescribeRouteOptions, resolver, uniqueSymbol } from "hono-openapi";
import type * as v from "valibot";
import { ErrorBody } from "../schemas/errors.ts";
import { JsonObject } from "../schemas/json.ts";

type Schema = v.GenericSchema;

/** What a route reads: the schema that parses it, and an example to begin with. */
export type Body = { schema: Schema; example: unknown };

/** A body by its schema, with an example that it accepts. */
export function bodyLike<const S extends Schema>(schema: S, example: v.InferInput<S>): Body {
  return { schema, example };
}

/** What a route says of itself in `/openapi.json`. */
export type Operation = {
  tag: string;
  summary: string;
  description?: string;
  security: "key" | "admin" | "memberOrKey" | "none";
  /** Query parameters, all of them optional text: name to what it does. */
  query?: Record<string, string>;
  body?: Body;
  /** A schema, or null for an answer without a body. */
  answers: Record<number, Schema | null>;
  errors: readonly number[];
};

/** The security schemes of the document, any one of which is enough. */
const schemesOf: Record<Operation["security"], string[]> = {
  key: ["key"],
  admin: ["admin"],
  memberOrKey: ["member", "key"],
  none: [],
};

const errorWords: Record<number, string> = {
  400: "The request is wrong",
  401: "The key, token or identity is not valid",
  403: "The caller may not do this",
  404: "There is nothing of this name",
  409: "It is too late, or somebody was faster",
  410: "No longer on offer",
  413: "The body is too large",
  422: "The document cannot be applied",
  429: "Too many requests: try again after `Retry-After` seconds",
  501: "This runtime cannot do it; a Node server on the same database can",
  502: "Stripe refused",
  503: "Try again after `Retry-After` seconds",
  531: "The workflow is broken; its event says how",
};

/**
 * A handler that carries its description for `/openapi.json`, for the routes that buyers wait for: hono-openapi's own
 * middleware, which the others use, is one more turn of every request.
 */
export function described<const H extends Handler>(about: Operation, handler: H): H {
  return Object.assign(handler, { [uniqueSymbol]: { spec: operation(about) } });
}

/** An OpenAPI operation made from the schemas that validate. */
export function operation({
  tag,
  summary,
  description,
  security,
  query = {},
  body,
  answers,
  errors,
}: Operation): DescribeRouteOptions {
  const responses: NonNullable<DescribeRouteOptions["responses"]> = {};
  for (const [status, schema] of Object.entries(answers)) {
    responses[status] =
      schema === null ? { description: "Redirect" } : { description: "Success", content: json(schema) };
  }
  const ofBody = body === undefined ? [] : [400, 413];
  const ofCaller = security === "none" ? [] : [429];
  const refusals = new Set([...errors, ...ofBody, ...ofCaller]);
  for (const status of refusals) {
    responses[status] = { description: errorWords[status] ?? "Error", content: json(ErrorBody) };
  }
  return {
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: schemesOf[security].map((scheme) => ({ [scheme]: [] })),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body.schema, body.example) } }),
    ...(Object.keys(query).length === 0 ? {} : { parameters: Object.entries(query).map(queryParameter) }),
    responses,
  };
}

function queryParameter([name, description]: [string, string]) {
  return { in: "query" as const, name, description, schema: { type: "string" as const } };
}

function json(schema: Schema, example?: unknown) {
  const described = { schema: resolver(schema, { options: conversion }) };
  return { "application/json": example === undefined ? described : { ...described, example } };
}

/** A recursive `Json` is any value; a check is left out, unless JSON Schema has words for it or metadata beside it. */
const conversion: ConversionConfig = {
  errorMode: "ignore",
  typeMode: "input",
  overrideSchema: ({ valibotSchema, jsonSchema }) => {
    if (valibotSchema === JsonObject) return { type: "object" };
    if (valibotSchema.type === "undefined") return { not: {} };
    return valibotSchema.type === "custom" ? {} : jsonSchema;
  },
};
