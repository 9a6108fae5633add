import type { WantedMethod } from "../session-methods.ts";
import { isEmail } from "../session-rules.ts";
import { type Card, cardFaults } from "./cards.ts";

/** What was typed into the page. */
export interface PaymentForm extends Card {
  email: string;
  name: string;
  method: WantedMethod;
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
    method: text("method") === "delayed" ? "delayed" : "card",
  };
}

/** What the buyer has to mend before anything is charged; empty when nothing. */
export function faultsOf(form: PaymentForm, { asks, nowSeconds }: { asks: boolean; nowSeconds: number }): FieldFaults {
  const email = emailFault(form.email);
  const byCard = form.method === "card";
  const whose = byCard ? "Enter the name on your card." : "Enter the account holder’s name.";
  return {
    ...(email !== undefined && { email }),
    ...(asks && byCard && cardFaults(form, nowSeconds)),
    ...(asks && form.name === "" && { name: whose }),
  };
}

function emailFault(email: string): string | undefined {
  if (email === "") {
    return "Enter your email address.";
  }
  return isEmail(email) ? undefined : "Your email address is invalid.";
}
