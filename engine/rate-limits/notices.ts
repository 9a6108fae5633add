/** Tells an operator who is refused: each at most once a minute, and not more than twenty of them. */
export type Notices = { refused(name: string, subject: string): void };

const mostAMinute = 20;

/** Makes the notices. Nobody hears them where the runtime gives no `onNotice`. */
export function createNotices({ now, onNotice }: { now: () => number; onNotice?: (notice: string) => void }): Notices {
  const told = new Set<string>();
  let minute = 0;
  return {
    refused(name, subject) {
      const current = Math.floor(now() / 60_000);
      if (current !== minute) told.clear();
      minute = current;
      const what = `${name} ${subject}`;
      if (told.size >= mostAMinute || told.has(what)) return;
      told.add(what);
      const isLast = told.size === mostAMinute;
      onNotice?.(`rate limit: ${what} is refused${isLast ? "; others of this minute are not told" : ""}`);
    },
  };
}
