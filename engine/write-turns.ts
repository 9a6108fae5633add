/**
 * Whose turn it is to write, among engines that share a memory but must not wait for each other's promises: who is first in
 * the queue writes, the others look again. Values alone; whoever was ended in the middle is passed over.
 */
export type WriteTurns = { queue: Ticket[] };

type Ticket = { seenAtMs: number };

/** Who is this far behind the first looks again after so long; at the latest after `longestLookMs`. */
const lookEveryMs = 4;
const longestLookMs = 200;
const beatMs = 300;
/** Several beats and looks: one that is taken for gone and is not writes beside another, which the database bears. */
const goneAfterMs = 2000;

/**
 * Does the work when its turn has come. Many transactions at once do not go faster, because the database does one after
 * another; and a libSQL server hands its lock on more slowly the more of them wait.
 */
export async function inTurn<T>(turns: WriteTurns, work: () => Promise<T>): Promise<T> {
  const ticket: Ticket = { seenAtMs: Date.now() };
  turns.queue.push(ticket);
  const beat = setInterval(() => {
    ticket.seenAtMs = Date.now();
  }, beatMs);
  try {
    for (let ahead = waitingBefore(turns, ticket); ahead > 0; ahead = waitingBefore(turns, ticket)) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(ahead * lookEveryMs, longestLookMs)));
    }
    return await work();
  } finally {
    clearInterval(beat);
    turns.queue = turns.queue.filter((other) => other !== ticket);
  }
}

/** How many are before it in the queue, once those that are gone have been taken out. */
function waitingBefore(turns: WriteTurns, ticket: Ticket): number {
  ticket.seenAtMs = Date.now();
  const here = turns.queue.filter(({ seenAtMs }) => ticket.seenAtMs - seenAtMs < goneAfterMs);
  if (here.length < turns.queue.length) turns.queue = here;
  return Math.max(0, turns.queue.indexOf(ticket));
}
