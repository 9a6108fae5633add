/**
 * Types of Scrip's browser client, `/client.js` and `/client.mjs`. Names of `purchase`, `member` and the `allegro:` events
 * are Allegro's, those of decisions and redemptions are MonetizationOS's. No function of the client throws, and no promise
 * of it rejects.
 */

/** Any JSON object. */
export type JsonObject = { [name: string]: unknown };

/** Where the server is, and a public key (`pk_…`) of the environment. */
export type ClientOptions = { baseUrl: string; key: string };

/** Makes the client and starts it: returns from checkouts are handled, sessions renewed. Again with the same options: the same. */
export declare function createClient(options: ClientOptions): Client;

/** What `window.allegro` and `window.scrip` are once the script is loaded. */
export type Client = {
  /** Runs a function with the client, at once. Before the script is loaded an array in its place collects them. */
  push(...callbacks: ((client: Client) => void)[]): void;
  purchase: Purchase;
  member: Member;
  /** What a surface shows to whoever is here; null when there is no answer that can be used. */
  decide(surfaceSlug: string, options?: { resource?: JsonObject }): Promise<SurfaceDecision | null>;
  /**
   * Places what a decision says, by default the latest, below `root`, by default the document. What an earlier decision of
   * the same surface placed there goes. Returns the elements placed.
   */
  present(root?: ParentNode & Node, decision?: SurfaceDecision | null): Element[];
  /** Redeems an offer token and follows the action of the answer. */
  redeem(offerToken: string): Promise<RedemptionOutcome>;
};

/** Buying a plan by its id or slug. */
export type Purchase = {
  /** Goes to the checkout of a plan; comes back to `returnUrl`, by default this page. */
  initiate(planId: string, returnUrl?: string): Promise<void>;
  /** Exchanges the token of a return for a session, as happens by itself; null when it cannot be. */
  exchangeToken(token: string): Promise<PurchaseCompleted | null>;
  /** How the return that this page load began with ended; null while it is not known, and where there was none. */
  readonly validation: "completed" | "failed" | null;
};

/** Who is signed in. All but `session` and `logout` ask nobody: they read the JWT that is here. */
export type Member = {
  /** Whether there is a JWT that has not expired. */
  isAuthenticated(): boolean;
  /** Whether there is a JWT, expired or not. */
  isIdentified(): boolean;
  /** Whether the JWT, not expired, lists the product. A convenience of the page: what must be guarded, guard on a server. */
  hasProduct(slug: string): boolean;
  /** The session as the server sees it now: the JWT is renewed first. Null when nobody is signed in. */
  session(): Promise<{ data: MemberSession } | null>;
  /** The claims of the JWT, expired or not; null without one. */
  sessionFromJwt(): MemberClaims | null;
  /** Who the JWT is about, expired or not; null without one. */
  user(): Promise<MemberUser | null>;
  /** Signs in with a JWT that your own server gave. It is not renewed: set the next one before it expires. */
  setJwt(jwt: string): void;
  /** Signs out, in every tab of the site. */
  logout(): Promise<void>;
};

/** Claims of a member JWT; times in seconds since the epoch. */
export type MemberClaims = {
  sub?: string;
  iss?: string;
  aud?: string | string[];
  iat?: number;
  exp?: number;
  products?: string[];
  [claim: string]: unknown;
};

/** A member as the JWT tells of one. */
export type MemberUser = { id: string; email: string | null; name: string | null; [name: string]: unknown };

/** Allegro's answer to `member.session()`, as far as the JWT knows it. */
export type MemberSession = {
  id: string | null;
  is_authenticated: boolean;
  authenticated_at: string | null;
  audience_member: MemberUser;
};

/** Access to a product. Times are ISO 8601; `ended_at` is null for access that does not end. */
export type Entitlement = {
  id: string;
  resource: { id: string; slug: string; name: string };
  started_at: string | null;
  ended_at: string | null;
  is_active: boolean;
};

/** Detail of `allegro:purchase:completed`. `entitlement` is the first of `entitlements`, null where the plan gives none. */
export type PurchaseCompleted = { method: "purchase"; entitlement: Entitlement | null; entitlements: Entitlement[] };

/** The identity as answers carry it. */
export type Identity = {
  authType: "provided" | "jwt" | "anonymous";
  isAuthenticated: boolean;
  identifier: string;
  jwtClaims: JsonObject;
};

/** A plan of an offer, with a token that redeems just this plan. */
export type PresentedPlan = {
  id: string;
  slug: string;
  name: string;
  price: { currency: string; amountMinor: number; interval: string | null } | null;
  duration: string | null;
  products: string[];
  token: string;
};

/** An offer as a page sees it. `token` is that of the first plan. */
export type PresentedOffer = {
  id: string;
  presentation: JsonObject;
  redemptionSchema: string | null;
  token: string;
  plans?: PresentedPlan[] | undefined;
};

/** Something to place on a page. */
export type WebElement =
  | { type: "html" | "text"; content: string }
  | { type: "element"; schema: string; props: JsonObject }
  | { type: "custom"; [name: string]: unknown };

/** What is placed at the elements that a component's selector finds. */
export type ComponentContent = {
  before?: WebElement[] | undefined;
  prepend?: WebElement[] | undefined;
  append?: WebElement[] | undefined;
  after?: WebElement[] | undefined;
  remove?: boolean | undefined;
};

/** What one component of a surface does; `metadata.cssSelector` says where. */
export type ComponentBehavior = { content: ComponentContent; properties: JsonObject; metadata: JsonObject };

/** What a surface shows to somebody. */
export type SurfaceDecision = {
  status: "success";
  eventId: string;
  identity: Identity;
  customer: { isCustomer: boolean; hasProducts: boolean; customerIdentifiers: string[] };
  features: { [slug: string]: JsonObject };
  surfaceBehavior: JsonObject;
  componentsSkipped: boolean;
  componentBehaviors: { [slug: string]: ComponentBehavior };
  offers: PresentedOffer[];
};

/** What a page does after a redemption. */
export type RedemptionAction =
  | { type: "navigate"; properties: JsonObject; url: string }
  | { type: "custom"; properties: JsonObject };

/** How a redemption ended. A refusal may have an action too, such as going to sign up. */
export type RedemptionOutcome =
  | { ok: true; action: RedemptionAction }
  | { ok: false; reason: string; message: string; action: RedemptionAction | null };

/** The `detail` of every event that the client dispatches on `window`. */
export type EventDetails = {
  "allegro:ready": null;
  "allegro:authenticated": { method: "purchase" };
  "allegro:logout": null;
  "allegro:jwt-refreshed": { jwt: string };
  "allegro:jwt-refresh-failed": { reason: string };
  "allegro:purchase:completed": PurchaseCompleted;
  "allegro:purchase:failed": { reason: string };
  "scrip:purchase:pending": null;
  "scrip:redemption:completed": { action: RedemptionAction };
  "scrip:redemption:failed": { reason: string; message: string; action: RedemptionAction | null };
};

type Events = { [Name in keyof EventDetails]: CustomEvent<EventDetails[Name]> };

declare global {
  interface Window {
    allegro: Client | ((client: Client) => void)[];
    scrip: Client | ((client: Client) => void)[];
  }
  interface WindowEventMap extends Events {}
}
