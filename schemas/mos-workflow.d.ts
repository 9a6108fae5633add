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

  /** Somebody of this environment by name. A workflow's whole `identity` will do. */
  export interface WorkflowUserIdentifier {
    readonly identifier: string;
    readonly userType: "authenticated" | "anonymous";
  }

  /** Access to a product that a workflow gave. Times are ISO 8601; `endedAt` is null for access without an end. */
  export interface GrantedEntitlement {
    readonly id: string;
    readonly product: string;
    readonly startedAt: string;
    readonly endedAt: string | null;
  }

  /** What to give, from now on, without an end unless `duration` or `until` names one. */
  export type EntitlementGrant = {
    /** A product by its slug or id. */
    readonly product: string;
    /** Why, for whoever asks later; at most 500 characters. */
    readonly reason?: string;
  } & (
    | { readonly duration?: undefined; readonly until?: undefined }
    /** ISO 8601, in calendar units: `P1M`, `P1Y`, `P10D`. */
    | { readonly duration: string; readonly until?: undefined }
    /** ISO 8601 in UTC, later than now: `2027-01-31T00:00:00Z`. */
    | { readonly until: string; readonly duration?: undefined }
  );

  /** A guest (`source`) whose purchase belongs to a member (`target`), and since when. */
  export interface IdentityLinkWorkflowData {
    readonly source: WorkflowUserIdentifier;
    readonly target: WorkflowUserIdentifier;
    readonly reason: "purchase";
    /** ISO 8601. */
    readonly linkedAt: string;
  }

  /** Whom a JWT names, or why nobody. */
  export type JwtVerification =
    | {
        readonly valid: true;
        readonly identifier: string;
        readonly userType: "authenticated";
        readonly jwtClaims: Readonly<Record<string, Json>>;
      }
    | { readonly valid: false; readonly reason: "invalid" | "keys-unavailable"; readonly message: string };

  export interface Utils {
    readonly purchase: {
      /**
       * An address for `success_url`, `return_url` or `cancel_url` of a Checkout Session, by which the buyer comes back to
       * `target` through this server: the purchase is complete by then, and `target` gets `allegro_purchase_token`,
       * `allegro_purchase_pending` or `allegro_purchase_error`. `target` must be on one of the environment's
       * `allowedOrigins`; a session with another one is refused by `utils.integrations.stripe.fetch`.
       */
      returnUrl(target: string | { toString(): string }): string;
    };
    readonly entitlements: {
      /** Whether who redeems has access to a product now. Visitors have access to nothing. */
      has(product: string): Promise<boolean>;
      /**
       * Gives who redeems access to a product, once: a redemption that is run again gives nothing more, and finds what it
       * gave. It stays whatever the workflow returns. Rejects for visitors, who have no account that could hold anything.
       */
      grant(wish: EntitlementGrant): Promise<GrantedEntitlement>;
    };
    readonly identity: {
      /** A value that a workflow wrote, or null. */
      readCustomData<T = Json>(identity: WorkflowUserIdentifier, key: string): Promise<T | null>;
      /** All values by their keys. */
      readCustomData(identity: WorkflowUserIdentifier): Promise<{ [key: string]: Json }>;
      /** Keeps a value: JSON of at most 16,384 characters, at most 64 keys for one identity. */
      writeCustomData(identity: WorkflowUserIdentifier, key: string, value: Json): Promise<void>;
      deleteCustomData(identity: WorkflowUserIdentifier, key: string): Promise<void>;
      /** Counts by 1 or by `increment`, once for this call however often the run is repeated; the counter's new value. */
      incrementCounter(
        identity: WorkflowUserIdentifier,
        counter: { readonly counterId: string },
        options?: { readonly increment?: number },
      ): Promise<number>;
      /** The guests whose purchases belong to this member. */
      getLinkedSources(identity: WorkflowUserIdentifier): Promise<IdentityLinkWorkflowData[]>;
      /** The members to whom this guest's purchases belong. */
      getLinkedTargets(identity: WorkflowUserIdentifier): Promise<IdentityLinkWorkflowData[]>;
      /** Whom a JWT names, by the environment's `userJwt` settings or as a member JWT. A wrong one is an answer, no error. */
      resolveJwt(jwt: string): Promise<JwtVerification>;
    };
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
