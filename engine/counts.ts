/** Counts of what happened in this process, by labels from closed or configured lists: they only grow. */
export type Counts = {
  add(...labels: string[]): void;
  /** Each combination of labels that was counted, in the order of its first time. */
  entries(): { labels: string[]; count: number }[];
};

/** Nothing counted yet. Labels hold no line feeds, as slugs, ids and codes never do. */
export function createCounts(): Counts {
  const counts = new Map<string, number>();
  return {
    add(...labels) {
      const key = labels.join("\n");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    entries: () => [...counts].map(([key, count]) => ({ labels: key.split("\n"), count })),
  };
}
