/** Tells an operator who is refused: each at most once a minute, and not more than twenty of them. */
export type Notices = { refused(name: string, subject: string): void };

/** Who was told of in which minute. */
export type NoticeMemory = { told: Set<string>; minute: number };

/** A memory in which nobody was told of yet. */
export function createNoticeMemory(): NoticeMemory {
  return { told: new Set(), minute: 0 };
}

const mostAMinute = 20;

/** Makes the notices. Nobody hears them where the runtime gives no `onNotice`. */
export function createNotices(
  { now, onNotice }: { now: () => number; onNotice?: (notice: string) => void },
  memory: NoticeMemory = createNoticeMemory(),
): Notices {
  const { told } = memory;
  return {
    refused(name, subject) {
      const current = Math.floor(now() / 60_000);
      if (current !== memory.minute) told.clear();
      memory.minute = current;
      const what = `${name} ${subject}`;
      if (told.size >= mostAMinute || told.has(what)) return;
      told.add(what);
      const isLast = told.size === mostAMinute;
      onNotice?.(`rate limit: ${what} is refused${isLast ? "; others of this minute are not told" : ""}`);
    },
  };
}
