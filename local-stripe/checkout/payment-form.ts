import { isEmail } from "../session-rules.ts";
import { type Card, cardFaults } from "./cards.ts";

/** What was typed into the page. */
export interface PaymentForm extends Card {
  email: string;
  name: string;
}

/** What is wrong with it, by field. */
export type FieldFaults = Partial<Record<keyof PaymentForm, string>>;

/** The fields of a submitted form; what is not there is empty. */
export function readPaymentForm(submitted: Record<string, unknown>): PaymentForm {
  const text = (name: string) => {
    const value = submitted[name];
    return typeof value === "string" ? value.trim().slice(0, 500) : "";
  };
  return {
    email: text("email"),
    number: text("number").replace(/[\s-]/g, ""),
    expiry: text("expiry"),
    cvc: text("cvc"),
    name: text("name"),
  };
}

/** What the buyer has to mend before anything is charged; empty when nothing. */
export function faultsOf(
  form: PaymentForm,
  { needsCard, nowSeconds }: { needsCard: boolean; nowSeconds: number },
): FieldFaults {
  const email = emailFault(form.email);
  return {
    ...(email !== undefined && { email }),
    ...(needsCard && cardFaults(form, nowSeconds)),
    ...(needsCard && form.name === "" && { name: "Enter the name on your card." }),
  };
}

function emailFault(email: string): string | undefined {
  if (email === "") {
    return "Enter your email address.";
  }
  return isEmail(email) ? undefined : "Your email address is invalid.";
}
