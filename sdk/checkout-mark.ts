/**
 * A mark that somebody left this browser for a checkout. Whoever comes back with a token and without the mark may have
 * followed a link that somebody else made: that must not sign anybody out of their own session.
 */
export type CheckoutMark = { set(): void; take(): boolean };

/** Opens it under a name, for all tabs. Where there is no storage nobody has left. */
export function createCheckoutMark(name: string): CheckoutMark {
  let memory = false;
  return {
    set() {
      memory = true;
      try {
        localStorage.setItem(name, "1");
      } catch {
        // this page alone knows it
      }
    },
    take() {
      let marked = memory;
      memory = false;
      try {
        marked ||= localStorage.getItem(name) !== null;
        localStorage.removeItem(name);
      } catch {
        // blocked, or gone
      }
      return marked;
    },
  };
}
