/** Anything JSON can say. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  [key: string]: Json;
}

/** What a value becomes on the wire: dates, decimals and absent members resolved. */
export function toJson(value: object): Json {
  return JSON.parse(JSON.stringify(value));
}

/** Whether a JSON value is an object, arrays excluded. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
