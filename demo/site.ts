import { type Context, Hono } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import * as v from "valibot";
import { articlePage } from "./pages/article.ts";
import { assets } from "./pages/assets.ts";
import { checkoutPage } from "./pages/checkout.ts";
import { checkoutOf } from "./pages/notice.ts";
import { base } from "./pages/page.ts";
import { signUpPage } from "./pages/sign-up.ts";

/** What the site needs of the server that plays it. */
export type DemoSiteOptions = {
  /** The surface that its article asks for. */
  surfaceSlug: string;
  /** The public key in its pages, read for each of them. */
  publicKey: () => string;
  /** Signs the JWT that the engine takes for a reader of this address. */
  signUserJwt: (email: string) => Promise<string>;
};

/** The cookie that holds a reader's JWT: readable by the page script, which has to send it to the engine. */
export const readerCookie = "daily_scrip_reader";

/**
 * The Daily Scrip, a newspaper's own site, to be mounted at `/demo`. It knows the engine as any site does: through the
 * public API, from the page.
 */
export function createDemoSite({ surfaceSlug, publicKey, signUserJwt }: DemoSiteOptions): Hono {
  const engine = () => ({ publicKey: publicKey(), surfaceSlug });
  const site = new Hono();
  site.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
  });
  site.get("/", (c) => c.html(articlePage({ engine: engine(), checkout: checkoutOf(c.req.query()) })));
  site.get("/sign-up", (c) => {
    const offerToken = c.req.query("offerToken") ?? "";
    return c.html(signUpPage({ engine: engine(), signUp: { offerToken, email: "", fault: null } }));
  });
  site.post("/sign-up", async (c) => {
    if (isForeign(c)) return c.text("This form is to be sent from its own page.", 403);
    const form = v.safeParse(SignUpForm, await c.req.parseBody());
    if (!form.success) {
      const { email, offerToken } = v.parse(TypedForm, await c.req.parseBody());
      const fault = email === "" ? "Enter your e-mail address." : "Enter an e-mail address like ines@hollin.example.";
      return c.html(signUpPage({ engine: engine(), signUp: { offerToken, email, fault } }), 422);
    }
    const { email, offerToken } = form.output;
    setCookie(c, readerCookie, await signUserJwt(email), cookieOptions(c));
    const next = offerToken === "" ? base : `${base}/checkout?${new URLSearchParams({ offerToken })}`;
    return c.redirect(next, 303);
  });
  site.get("/checkout", (c) => c.html(checkoutPage({ engine: engine(), offerToken: c.req.query("offerToken") ?? "" })));
  site.post("/sign-out", (c) => {
    if (isForeign(c)) return c.text("This form is to be sent from its own page.", 403);
    deleteCookie(c, readerCookie, cookieOptions(c));
    return c.redirect(base, 303);
  });
  site.get("/:asset", (c, next) => {
    const asset = assets.get(c.req.param("asset"));
    return asset === undefined ? next() : c.body(asset.body, 200, { "Content-Type": asset.contentType });
  });
  return site;
}

const headers = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  // sign-up addresses carry an offer token, which is nobody else's
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-store",
};

const OfferToken = v.optional(v.pipe(v.string(), v.maxLength(16_384)), "");

const SignUpForm = v.object({
  email: v.pipe(v.string(), v.trim(), v.maxLength(254), v.email()),
  offerToken: OfferToken,
});

/** What was typed, as far as it can be shown again. */
const TypedForm = v.object({
  email: v.fallback(v.pipe(v.string(), v.maxLength(254)), ""),
  offerToken: v.fallback(OfferToken, ""),
});

/** Browsers say where a form was sent from; nobody else's page signs a reader in or out. */
function isForeign(c: Context): boolean {
  const from = c.req.header("sec-fetch-site");
  return from !== undefined && from !== "same-origin" && from !== "none";
}

function cookieOptions(c: Context) {
  return { path: base, sameSite: "Lax", secure: new URL(c.req.url).protocol === "https:" } as const;
}
