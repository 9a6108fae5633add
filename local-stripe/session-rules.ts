import type { Stripe } from "stripe";
import type { Context } from "./context.ts";
import { invalid, missing, noSuch, notSimulated, onlyOneOf } from "./errors.ts";

type Params = Stripe.Checkout.SessionCreateParams;

/** The modes of a Checkout Session. */
export type SessionMode = (typeof modes)[number];

/**
 * The rules between the parameters of a new session that its schema cannot say (Stripe API reference, "Create a
 * Checkout Session"). Returns the mode; throws a `StripeRefusal` for the first rule broken.
 */
export function checkSession(context: Context, params: Params): SessionMode {
  const mode = modeOf(params);
  checkSimulated(params);
  checkUrls(params);
  checkAgainstMode(params, mode);
  checkCustomer(context, params, mode);
  checkTrial(context, params);
  if (params.allow_promotion_codes === true && params.discounts !== undefined) {
    throw onlyOneOf("allow_promotion_codes", "discounts");
  }
  if ((params.client_reference_id?.length ?? 0) > 200) {
    throw invalid("Invalid string: `client_reference_id` must be at most 200 characters", {
      param: "client_reference_id",
    });
  }
  return mode;
}

/** When the session expires, Unix seconds: 24 hours from now unless said otherwise, 30 minutes at the least. */
export function expiryOf(context: Context, given: number | undefined): number {
  const now = context.nowSeconds();
  if (given === undefined) {
    return now + 24 * 3600;
  }
  if (given < now + 30 * 60) {
    throw invalid("The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", {
      param: "expires_at",
    });
  }
  if (given > now + 24 * 3600) {
    throw invalid("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", {
      param: "expires_at",
    });
  }
  return given;
}

/** The parameters that have an effect here; Stripe knows more, and those are refused by name. */
const simulated: (keyof Params)[] = [
  "allow_promotion_codes",
  "allowed_payment_method_types",
  "automatic_tax",
  "billing_address_collection",
  "cancel_url",
  "client_reference_id",
  "currency",
  "customer",
  "customer_creation",
  "customer_email",
  "discounts",
  "expand",
  "expires_at",
  "integration_identifier",
  "line_items",
  "locale",
  "metadata",
  "mode",
  "origin_context",
  "payment_intent_data",
  "payment_method_collection",
  "setup_intent_data",
  "submit_type",
  "subscription_data",
  "success_url",
  "ui_mode",
];

const modes = ["payment", "setup", "subscription"] as const;

const simulatedData = {
  payment_intent_data: ["description", "metadata", "receipt_email", "statement_descriptor"],
  setup_intent_data: ["description", "metadata"],
  subscription_data: ["description", "metadata", "trial_end", "trial_period_days"],
};

function modeOf(params: Params): SessionMode {
  const mode = modes.find((known) => known === params.mode);
  if (mode === undefined) {
    throw missing("mode");
  }
  return mode;
}

function checkSimulated(params: Params): void {
  const names: string[] = simulated;
  const unknown = Object.keys(params).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw notSimulated(unknown);
  }
  for (const name of ["payment_intent_data", "setup_intent_data", "subscription_data"] as const) {
    const other = Object.keys(params[name] ?? {}).find((key) => !simulatedData[name].includes(key));
    if (other !== undefined) {
      throw notSimulated(`${name}[${other}]`);
    }
  }
  if (params.ui_mode !== undefined && params.ui_mode !== "hosted_page") {
    throw notSimulated("ui_mode");
  }
  if (params.allowed_payment_method_types?.includes("card") === false) {
    throw notSimulated("allowed_payment_method_types");
  }
}

function checkUrls({ success_url, cancel_url }: Params): void {
  if (success_url === undefined) {
    throw missing("success_url");
  }
  for (const [param, url] of Object.entries({ success_url, cancel_url })) {
    if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
      throw invalid("Not a valid URL", { code: "url_invalid", param });
    }
  }
}

const onlyInMode: Partial<Record<keyof Params, SessionMode[]>> = {
  payment_intent_data: ["payment"],
  subscription_data: ["subscription"],
  setup_intent_data: ["setup"],
  line_items: ["payment", "subscription"],
  discounts: ["payment", "subscription"],
  allow_promotion_codes: ["payment", "subscription"],
  customer_creation: ["payment", "setup"],
  payment_method_collection: ["subscription"],
};

function checkAgainstMode(params: Params, mode: SessionMode): void {
  for (const [name, modes] of Object.entries(onlyInMode)) {
    if (name in params && !modes.includes(mode)) {
      throw invalid(`You can not pass \`${name}\` in \`${mode}\` mode.`, { param: name });
    }
  }
  if (mode === "setup" && params.currency === undefined) {
    throw missing("currency");
  }
}

function checkCustomer(
  context: Context,
  { customer, customer_email, customer_creation }: Params,
  mode: SessionMode,
): void {
  if (customer !== undefined && customer_email !== undefined) {
    throw onlyOneOf("customer", "customer_email");
  }
  if (customer !== undefined && customer_creation !== undefined) {
    throw onlyOneOf("customer", "customer_creation");
  }
  if (customer !== undefined && context.store.get("customer", customer) === undefined) {
    throw noSuch("customer", customer, "customer");
  }
  if (customer_creation === "if_required" && mode === "setup") {
    throw invalid("`customer_creation` can only be `always` in `setup` mode.", { param: "customer_creation" });
  }
  if (customer_email !== undefined && !isEmail(customer_email)) {
    throw invalid(`Invalid email address: ${customer_email}`, { code: "email_invalid", param: "customer_email" });
  }
}

/** Whether a text can be an e-mail address: something, one @, a domain with a dot. */
export function isEmail(text: string): boolean {
  return /^[^\s@<>()]+@[^\s@<>()]+\.[^\s@.<>()]+$/.test(text) && text.length <= 254;
}

function checkTrial(context: Context, { subscription_data: data }: Params): void {
  const { trial_period_days: days, trial_end: end } = data ?? {};
  if (days !== undefined && end !== undefined) {
    throw onlyOneOf("subscription_data[trial_end]", "subscription_data[trial_period_days]");
  }
  if (days !== undefined && (days < 1 || days > 730)) {
    const bound =
      days < 1
        ? "The minimum number of trial period days is 1."
        : "The maximum number of trial period days is 730 (2 years).";
    throw invalid(bound, { param: "subscription_data[trial_period_days]" });
  }
  if (end !== undefined && end < context.nowSeconds() + 48 * 3600) {
    throw invalid("The `trial_end` date has to be at least 2 days in the future.", {
      param: "subscription_data[trial_end]",
    });
  }
}
