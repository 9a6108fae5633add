/** Leaving the page for a checkout or another address, once. */
export type Departure = {
  /** Goes to a web address; false where that is none or the browser does not go. */
  go(url: string): boolean;
  /** Whether the page is about to be left. */
  isUnderWay(): boolean;
  /** Grows each time that the page is left: what was asked before then was cut off, and says nothing. */
  visits(): number;
};

/** After this time somebody who is still here may go again. */
export const patienceMs = 10_000;

/** Makes the departure of this page. `onReturn` is called when the page is back as it was left. */
export function createDeparture(onReturn: () => void): Departure {
  let leftAtMs: number | null = null;
  let visits = 0;
  window.addEventListener("pagehide", () => {
    visits++;
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    leftAtMs = null;
    onReturn();
  });
  return {
    go(url) {
      try {
        const target = new URL(url, location.href);
        if (!/^https?:$/.test(target.protocol)) return false;
        location.assign(target);
      } catch {
        // no address, or a frame that may not go there
        return false;
      }
      leftAtMs = performance.now();
      return true;
    },
    isUnderWay: () => leftAtMs !== null && performance.now() - leftAtMs < patienceMs,
    visits: () => visits,
  };
}
