const lookEveryMs = 200;

/**
 * Looks anew at something that other processes change, at most 5 times a second, however many ask. The look is never
 * older than the call: who asks while one is under way may ask for something newer, and waits for the next.
 */
export function throttledLook(look: () => Promise<void>): () => Promise<void> {
  let lookedMs = Number.NEGATIVE_INFINITY;
  let next: Promise<void> | undefined;
  const lookSoon = async () => {
    const waitMs = Math.max(0, lookedMs + lookEveryMs - performance.now());
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    next = undefined;
    lookedMs = performance.now();
    await look();
  };
  return () => {
    next ??= lookSoon();
    return next;
  };
}
