/**
 * Allegro named the same things twice: a plan was a term, a product a resource. A document in the older words is
 * read as if it had been written in the newer ones. A document that uses both words for one thing is left as it is,
 * so that validation names the unknown one.
 */
export function acceptOlderWords(document: unknown): unknown {
  if (!isRecord(document)) return document;
  const renamed = rename(rename(document, "terms", "plans"), "resources", "products");
  return {
    ...renamed,
    ...mapList(renamed, "plans", (plan) => rename(plan, "resources", "products")),
    ...mapList(renamed, "offers", (offer) => withinPrices(withinFilters(rename(offer, "terms", "plans")))),
  };
}

function withinFilters(offer: Record<string, unknown>): Record<string, unknown> {
  if (!isRecord(offer.filters)) return offer;
  return { ...offer, filters: rename(rename(offer.filters, "terms", "plans"), "resources", "products") };
}

function withinPrices(offer: Record<string, unknown>): Record<string, unknown> {
  if (!isRecord(offer.redemption)) return offer;
  return { ...offer, redemption: { ...offer.redemption, ...mapList(offer.redemption, "prices", termToPlan) } };
}

function termToPlan(price: Record<string, unknown>): Record<string, unknown> {
  return rename(price, "term", "plan");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function rename(record: Record<string, unknown>, from: string, to: string): Record<string, unknown> {
  if (!(from in record) || to in record) return record;
  const { [from]: value, ...rest } = record;
  return { ...rest, [to]: value };
}

function mapList(
  record: Record<string, unknown>,
  key: string,
  map: (item: Record<string, unknown>) => Record<string, unknown>,
): Record<string, unknown> {
  const list = record[key];
  return Array.isArray(list) ? { [key]: list.map((item) => (isRecord(item) ? map(item) : item)) } : {};
}
