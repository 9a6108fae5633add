// @ts-check
/**
 * Writes prices into elements with `data-price`, `data-currency`, `data-amount-minor` and perhaps `data-interval`.
 * With `data-per="month"` it is what a yearly price comes to in a month; the element stays hidden for other intervals.
 * @param {ParentNode} root
 */
export function showPrices(root) {
  for (const element of root.querySelectorAll("[data-price]")) {
    const currency = element.getAttribute("data-currency") ?? "";
    const minor = Number(element.getAttribute("data-amount-minor"));
    const monthly = element.getAttribute("data-per") === "month";
    if (monthly && element.getAttribute("data-interval") !== "year") continue;
    const text = formatPrice(currency, monthly ? minor / 12 : minor);
    if (text === null) continue;
    element.textContent = text;
    element.closest("[data-price-line]")?.removeAttribute("hidden");
  }
}

/**
 * `usd`, `9900` as "$99"; null for what is not a price. How many minor units make one is the currency's own matter.
 * @param {string} currency ISO 4217, any case
 * @param {number} amountMinor
 */
export function formatPrice(currency, amountMinor) {
  if (!/^[a-z]{3}$/i.test(currency) || !Number.isFinite(amountMinor)) return null;
  const format = new Intl.NumberFormat(document.documentElement.lang || "en", {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    trailingZeroDisplay: "stripIfInteger",
  });
  return format.format(amountMinor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}
