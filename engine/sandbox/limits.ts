/** No command to a sandbox process is longer than this many bytes. */
export const commandMaxBytes = 64 << 20;

/** No report of a sandbox process is longer than this many bytes; a process that sends more is ended. */
export const reportMaxBytes = 16 << 20;

/** No more characters than this leave a guest in one slice: it fails as a flood. As UTF-8 they fit a report. */
export const reportMaxChars = 4 << 20;
/** CPU time, in milliseconds, that making the parts of one run ahead is believed to have taken: it counts as the run's own. */
export const aheadMaxMs = 10;
