/** A seat: `free` resolves when it is one's turn; `leave` gives it up, also while waiting. */
export type Seat = { free: Promise<void>; leave(): void };

/** A room with so many seats. */
export type Room = { take(): Seat };

/** Makes a room; who comes first sits first. */
export function createRoom(most: number): Room {
  let taken = 0;
  const line = new Set<() => void>();
  const next = () => {
    const [first] = line;
    if (first === undefined || taken >= most) return;
    line.delete(first);
    taken += 1;
    first();
  };
  return {
    take() {
      const { promise, resolve } = Promise.withResolvers<void>();
      line.add(resolve);
      next();
      return {
        free: promise,
        leave() {
          if (!line.delete(resolve)) taken -= 1;
          next();
        },
      };
    },
  };
}
