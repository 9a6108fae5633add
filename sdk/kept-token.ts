/**
 * The token of a return while it is being exchanged: the address does not have it any more, and somebody who reloads because
 * the network is slow would lose what was paid for. Of this tab only.
 */
export type KeptToken = {
  read(): string | null;
  /** Keeps a token, and gives the word that goes with it: the same for the same token, so that it may be sent again. */
  keep(token: string): string;
  forget(): void;
};

/** Opens it under a name. Where there is no storage there is no token after a reload. */
export function createKeptToken(name: string): KeptToken {
  let memory = "";
  const load = () => {
    try {
      return sessionStorage.getItem(name) ?? memory;
    } catch {
      return memory;
    }
  };
  const store = (text: string) => {
    memory = text;
    try {
      if (text === "") sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, text);
    } catch {
      // a reload during the exchange forgets it
    }
  };
  return {
    read: () => load().split(" ")[0] || null,
    keep(token) {
      const [kept, nonce] = load().split(" ");
      if (kept === token && nonce) return nonce;
      const fresh = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");
      store(`${token} ${fresh}`);
      return fresh;
    },
    forget: () => store(""),
  };
}
