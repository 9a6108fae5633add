/** Patience with accounts that do not answer: the next run asks again, and each question takes long. */
export type Patience = {
  /** Whether an account has not answered so often that this run asks it no more. */
  isOver(accountId: string): boolean;
  lose(accountId: string): void;
  regain(accountId: string): void;
};

const most = 4;

/** Begins with patience for every account. */
export function createPatience(): Patience {
  const lost = new Map<string, number>();
  return {
    isOver: (accountId) => (lost.get(accountId) ?? 0) >= most,
    lose: (accountId) => lost.set(accountId, (lost.get(accountId) ?? 0) + 1),
    regain: (accountId) => lost.delete(accountId),
  };
}
