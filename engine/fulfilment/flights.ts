import { nextTurn } from "../next-turn.ts";

/** Runs of one kind of work under way in this process, by what they are about. */
export type Flights<Told, Result> = {
  /**
   * The result of a run that begins after this call, shared with all who call until it does. What runs already may have
   * asked before this caller's news, and is not waited for, unless two run: a caller that hammers is one of many.
   */
  join(key: string, told: readonly Told[], run: (told: Told[]) => Promise<Result>): Promise<Result>;
};

type Flight<Told, Result> = {
  running: Set<Promise<unknown>>;
  boarding: { told: Told[]; done: Promise<Result> } | null;
};

const mostRuns = 2;

/** Makes the runs of one process. */
export function createFlights<Told, Result>(): Flights<Told, Result> {
  const flights = new Map<string, Flight<Told, Result>>();
  const begin = async (
    key: string,
    flight: Flight<Told, Result>,
    told: Told[],
    run: (told: Told[]) => Promise<Result>,
  ): Promise<Result> => {
    await nextTurn();
    while (flight.running.size >= mostRuns) await Promise.race(flight.running);
    flight.boarding = null;
    const running = run(told);
    // a race must not reject for those who only wait
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    flight.running.add(ended);
    try {
      return await running;
    } finally {
      flight.running.delete(ended);
      if (flight.running.size === 0 && flight.boarding === null) flights.delete(key);
    }
  };
  return {
    join(key, told, run) {
      const flight = flights.get(key) ?? { running: new Set(), boarding: null };
      flights.set(key, flight);
      if (flight.boarding === null) {
        const all: Told[] = [];
        flight.boarding = { told: all, done: begin(key, flight, all, run) };
      }
      flight.boarding.told.push(...told);
      return flight.boarding.done;
    },
  };
}
