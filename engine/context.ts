import type { Json, JsonObject } from "../schemas/json.ts";
import type { Surroundings } from "../schemas/request.ts";

/** What a workflow and the filters learn of the visitor's surroundings (MonetizationOS `context`). */
export type VisitorContext = {
  countryCode: string | null;
  isEUCountry: boolean;
  city: string | null;
  region: string | null;
  timezone: string | null;
  userAgent: string | null;
  originalUserAgent: string | null;
  botTags: string[];
};

const euCountries = new Set(
  "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split(" "),
);

/**
 * Reads the context: Cloudflare's `cf` object first, then Fastly's geolocation, then `http`. `mosUserAgent` is the
 * `x-mos-user-agent` header, in which a proxy passes the visitor's own.
 */
export function visitorContext(request: Surroundings, mosUserAgent: string | undefined): VisitorContext {
  const cf = request.cloudflare?.cf ?? {};
  const fastly = request.fastly ?? {};
  const geo = isObject(fastly.geo) ? fastly.geo : fastly;
  const countryCode = upper(text(cf.country) ?? text(geo.country_code) ?? request.http?.countryCode ?? null);
  const botCategory = text(cf.verifiedBotCategory);
  return {
    countryCode,
    isEUCountry: countryCode !== null && euCountries.has(countryCode),
    city: text(cf.city) ?? text(geo.city) ?? null,
    region: text(cf.region) ?? text(geo.region) ?? null,
    timezone: text(cf.timezone) ?? text(geo.timezone) ?? null,
    userAgent: mosUserAgent ?? request.http?.userAgent ?? null,
    originalUserAgent: request.http?.userAgent ?? null,
    botTags: botCategory === undefined || botCategory === "" ? [] : [botCategory],
  };
}

function text(value: Json | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function upper(value: string | null): string | null {
  return value === null ? null : value.toUpperCase();
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
