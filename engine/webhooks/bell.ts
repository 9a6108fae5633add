/** Says that there may be something to send. Who wrote it rings; who sends listens. */
export type WebhookBell = {
  /** Never waits and never throws; where nobody listens, nothing happens. */
  ring(): void;
  /** Calls `listener` at each ring from now on, until the returned function is called. */
  listen(listener: () => void): () => void;
};

/** Makes the bell of one process. */
export function createWebhookBell(): WebhookBell {
  const listeners = new Set<() => void>();
  return {
    ring() {
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
