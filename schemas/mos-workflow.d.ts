/**
 * What a redemption-method workflow may use. Types only: nothing can be imported at run time.
 * The module's name and the names in it follow MonetizationOS.
 */
declare module "mos:workflow" {
  /** Any JSON value. */
  export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

  /** Who is redeeming. */
  export interface Identity {
    /** How the identity was established. */
    readonly authType: "provided" | "jwt" | "anonymous";
    readonly identifier: string;
    /** The verified claims of the user's JWT; empty unless `authType` is "jwt". */
    readonly jwtClaims: Readonly<Record<string, Json>>;
    /** A stable hash of the identifier, 0 to 99. */
    readonly testGroup100: number;
    readonly userType: "authenticated" | "anonymous";
  }

  /** Parameters of a Checkout Session, built from the offer. Spread them into the request body. */
  export interface StripeCheckoutInstructions {
    readonly mode: "payment" | "subscription";
    readonly line_items: readonly { readonly [key: string]: Json }[];
    readonly [key: string]: Json | readonly { readonly [key: string]: Json }[];
  }

  /** What the schema `mos:stripe-checkout-instructions` puts into `offer.redemption`. */
  export interface StripeCheckoutRedemption {
    /** The Stripe account of the environment that sells; pass it to `utils.integrations.stripe.fetch`. */
    readonly accountId: string;
    readonly instructions: StripeCheckoutInstructions;
  }

  /** The plan that the token was issued for. */
  export interface Plan {
    readonly id: string;
    readonly slug: string;
    readonly name: string;
    readonly products: readonly string[];
    /** ISO 8601 duration, or null for access without an end. */
    readonly duration: string | null;
    readonly price: {
      readonly currency: string;
      readonly amountMinor: number;
      readonly interval: string | null;
    } | null;
  }

  /** The offer being redeemed. */
  export interface Offer<Redemption = StripeCheckoutRedemption> {
    readonly offerId: string;
    /** One presentation of the offer: the same for every redemption of one token. */
    readonly offeringId: string;
    readonly presentation: Readonly<Record<string, Json>>;
    readonly redemption: Redemption;
    readonly redemptionSchema: string | null;
    readonly token: string;
    readonly plan: Plan | null;
  }

  /** Where the request came from, as far as the caller told. */
  export interface Context {
    readonly countryCode: string | null;
    readonly isEUCountry: boolean;
    readonly city: string | null;
    readonly region: string | null;
    readonly timezone: string | null;
    readonly userAgent: string | null;
    readonly originalUserAgent: string | null;
    readonly botTags: readonly string[];
  }

  /** A request to Stripe. `body` is form-encoded by the host, nested values included. */
  export interface StripeRequest {
    readonly method: "GET" | "POST" | "DELETE";
    /** Begins with `/v1/`. */
    readonly path: string;
    readonly body?: { readonly [key: string]: unknown };
    readonly headers?: Readonly<Record<string, string>>;
  }

  /** What Stripe answered. `body` is parsed JSON; on failure it holds Stripe's `error` object. */
  export interface StripeResponse {
    readonly ok: boolean;
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    // biome-ignore lint/suspicious/noExplicitAny: Stripe's answers are as wide as its API; authors read them as JSON
    readonly body: any;
  }

  export interface Utils {
    readonly integrations: {
      readonly stripe: {
        /**
         * Calls Stripe with the key of `accountId`, which stays with the host. Resolves with whatever Stripe answers,
         * errors included, and with status 503 when Stripe cannot be reached; rejects for an unknown account or a
         * request that is wrong in itself.
         */
        fetch(accountId: string, request: StripeRequest): Promise<StripeResponse>;
      };
    };
  }

  export interface WorkflowArguments<Redemption = StripeCheckoutRedemption> {
    readonly identity: Identity;
    readonly offer: Offer<Redemption>;
    readonly context: Context;
    readonly resource: { readonly id?: string; readonly meta?: { readonly [key: string]: Json } } | null;
    /** The environment's variables and secrets. */
    readonly env: Readonly<Record<string, string>>;
    readonly utils: Utils;
  }

  interface ResultBase {
    /** HTTP status of the answer; 200 for success and 400 for failure when left out. */
    statusCode?: number;
    message?: string;
    properties?: { [key: string]: Json };
  }

  /** What a workflow answers: send the buyer somewhere, or hand `properties` to the page. */
  export type WorkflowResult =
    | (ResultBase & { success: boolean; action: "navigate"; url: string })
    | (ResultBase & { success: boolean; action?: undefined; url?: undefined });

  /** The default export of a redemption-method workflow. */
  export type RedemptionMethodWorkflow<Redemption = StripeCheckoutRedemption> = (
    args: WorkflowArguments<Redemption>,
  ) => Promise<WorkflowResult> | WorkflowResult;
}
