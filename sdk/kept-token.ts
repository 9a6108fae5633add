/**
 * The token of a return while it is being exchanged: the address does not have it any more, and somebody who reloads because
 * the network is slow would lose what was paid for. Of this tab only.
 */
export type KeptToken = { read(): string | null; write(token: string | null): void };

/** Opens it under a name. Where there is no storage there is no token. */
export function createKeptToken(name: string): KeptToken {
  return {
    read() {
      try {
        return sessionStorage.getItem(name);
      } catch {
        return null;
      }
    },
    write(token) {
      try {
        if (token === null) sessionStorage.removeItem(name);
        else sessionStorage.setItem(name, token);
      } catch {
        // without storage a reload during the exchange forgets it
      }
    },
  };
}
