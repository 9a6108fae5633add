/** What became of a card. */
export type Charge = { paid: true } | { paid: false; message: string };

/** What was typed of a card, digits only in `number`. */
export interface Card {
  number: string;
  expiry: string;
  cvc: string;
}

/** The cards the page's hint names. */
export const shownCards = [
  { number: "4242 4242 4242 4242", outcome: "Pays" },
  { number: "4000 0000 0000 0002", outcome: "Declined" },
  { number: "4000 0000 0000 9995", outcome: "Insufficient funds" },
] as const;

/** What Stripe's test cards do (Stripe docs, "Testing": "Cards by brand", "Declined payments"). */
export function chargeCard(number: string): Charge {
  if (paying.has(number)) {
    return { paid: true };
  }
  const message =
    declines[number] ??
    "Your card was declined. Your request was in test mode, but used a non test card. Use one of the test cards below.";
  return { paid: false, message };
}

/** What is wrong with the fields of a card, in the words shown beside them; empty when nothing is. */
export function cardFaults({ number, expiry, cvc }: Card, nowSeconds: number): Partial<Record<keyof Card, string>> {
  const faults = {
    number: numberFault(number),
    expiry: expiryFault(expiry, new Date(nowSeconds * 1000)),
    cvc: cvcFault(cvc, /^3[47]/.test(number) ? 4 : 3),
  };
  return Object.fromEntries(Object.entries(faults).filter(([, fault]) => fault !== undefined));
}

const paying = new Set([
  "4242424242424242",
  "4000056655665556",
  "4000008260000000",
  "5555555555554444",
  "2223003122003222",
  "378282246310005",
  "6011111111111117",
]);

const declines: Record<string, string> = {
  "4000000000000002": "Your card was declined.",
  "4000000000009995": "Your card has insufficient funds.",
  "4000000000009987": "Your card was declined.",
  "4000000000009979": "Your card was declined.",
  "4000000000000069": "Your card has expired.",
  "4000000000000127": "Your card’s security code is incorrect.",
  "4000000000000119": "An error occurred while processing your card. Try again in a little bit.",
};

function numberFault(number: string): string | undefined {
  if (number === "") {
    return "Enter your card number.";
  }
  if (!/^\d{12,19}$/.test(number)) {
    return "Your card number is incomplete.";
  }
  return passesLuhn(number) ? undefined : "Your card number is invalid.";
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(number: string): boolean {
  const sum = Array.from(number)
    .reverse()
    .map((digit, place) => Number(digit) * (place % 2 === 1 ? 2 : 1))
    .reduce((total, value) => total + (value > 9 ? value - 9 : value), 0);
  return sum % 10 === 0;
}

/** A card is good to the end of its month. */
function expiryFault(expiry: string, now: Date): string | undefined {
  if (expiry === "") {
    return "Enter your card’s expiration date.";
  }
  const [, month, year] = /^(\d{1,2})\s*\/?\s*(?:20)?(\d{2})$/.exec(expiry) ?? [];
  if (month === undefined || year === undefined) {
    return "Your card’s expiration date is incomplete.";
  }
  if (Number(month) < 1 || Number(month) > 12) {
    return "Your card’s expiration date is invalid.";
  }
  const firstBadDay = Date.UTC(2000 + Number(year), Number(month), 1);
  if (firstBadDay <= now.getTime()) {
    return "Your card’s expiration date is in the past.";
  }
  return 2000 + Number(year) > now.getUTCFullYear() + 50 ? "Your card’s expiration date is invalid." : undefined;
}

function cvcFault(cvc: string, digits: number): string | undefined {
  if (cvc === "") {
    return "Enter your card’s security code.";
  }
  return new RegExp(`^\\d{${digits}}$`).test(cvc) ? undefined : "Your card’s security code is incomplete.";
}
