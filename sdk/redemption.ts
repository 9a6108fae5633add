import type { RedemptionAction, RedemptionOutcome } from "./client.d.ts";
import { type Departure, patienceMs } from "./departure.ts";
import { emit, isRecord, warn } from "./page.ts";
import type { Answer } from "./server.ts";
import type { Visitor } from "./visitor.ts";

/** Redeems offers, by token and by what is clicked. */
export type Redemption = {
  redeem(offerToken: string): Promise<RedemptionOutcome>;
  /** Makes the pressed button ready again, when the page is back as it was left. */
  release(): void;
};

/** Makes redemptions and listens for clicks on `[data-redeem]`. */
export function createRedemption(visitor: Visitor, departure: Departure): Redemption {
  const underWay = new Map<string, Promise<RedemptionOutcome>>();
  let pressed: Element | null = null;

  function redeem(offerToken: string): Promise<RedemptionOutcome> {
    const known = underWay.get(offerToken) ?? redeemNow(offerToken).finally(() => underWay.delete(offerToken));
    underWay.set(offerToken, known);
    return known;
  }

  async function redeemNow(offerToken: string): Promise<RedemptionOutcome> {
    const visits = departure.visits();
    const outcome = outcomeOf(await visitor.ask("offer-redemptions", { offerToken, http: { url: location.href } }));
    // whoever left meanwhile is sent nowhere on coming back, nor told of a request that leaving cut off
    if (visits !== departure.visits()) return outcome;
    const isToFollow = tell(outcome);
    if (isToFollow && outcome.action?.type === "navigate") departure.go(outcome.action.url);
    return outcome;
  }

  function release(): void {
    pressed?.removeAttribute("aria-busy");
    pressed = null;
  }

  async function press(button: Element, token: string): Promise<void> {
    pressed = button;
    button.setAttribute("aria-busy", "true");
    await redeem(token);
    const isStill = () => pressed === button;
    if (departure.isUnderWay()) setTimeout(() => isStill() && release(), patienceMs);
    else if (isStill()) release();
  }

  // on the window, so that the page's own listeners come first and may prevent it
  window.addEventListener("click", (event) => {
    const found = event.defaultPrevented ? null : offerAt(event.composedPath());
    if (found === null) return;
    event.preventDefault();
    if (pressed !== null || departure.isUnderWay()) return;
    press(found.button, found.token).catch((fault: unknown) => warn("redeeming failed", fault));
  });
  return { redeem, release };
}

/** What was clicked, also in open shadow roots, and the token of the offer that it stands in, unless it has its own. */
function offerAt(path: EventTarget[]): { button: Element; token: string } | null {
  const elements = path.filter((target) => target instanceof Element);
  const at = elements.findIndex((element) => element.hasAttribute("data-redeem"));
  const button = elements[at];
  const offer = elements.slice(Math.max(at, 0)).find((element) => element.hasAttribute("data-offer"));
  if (button === undefined || offer === undefined) return null;
  const token = button.getAttribute("data-token") || tokenIn(offer.getAttribute("data-offer") ?? "");
  if (token) return { button, token };
  warn("an offer on the page has no token");
  return null;
}

function tokenIn(offer: string): string | null {
  try {
    const parsed: unknown = JSON.parse(offer);
    return isRecord(parsed) && typeof parsed.token === "string" ? parsed.token : null;
  } catch {
    return null;
  }
}

/** Tells the page; false when it prevents that the action is followed. */
function tell(outcome: RedemptionOutcome): boolean {
  if (outcome.ok) return emit("scrip:redemption:completed", { action: outcome.action }, { cancelable: true });
  const { reason, message, action } = outcome;
  return emit("scrip:redemption:failed", { reason, message, action }, { cancelable: true });
}

function outcomeOf(answer: Answer): RedemptionOutcome {
  const action = isAction(answer.body.action) ? answer.body.action : null;
  if (!answer.ok) return { ok: false, reason: answer.code, message: answer.message, action };
  if (action !== null) return { ok: true, action };
  return { ok: false, reason: "network_error", message: "The answer cannot be read", action };
}

function isAction(value: unknown): value is RedemptionAction {
  if (!isRecord(value)) return false;
  return value.type === "custom" || (value.type === "navigate" && typeof value.url === "string");
}
