/** A moment as answers carry it: ISO 8601, UTC. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A stored row as answers carry it: `createdAt` in ISO 8601, the rest as it is. */
export function withIsoTime<T extends { createdAt: number }>(row: T): Omit<T, "createdAt"> & { createdAt: string } {
  return { ...row, createdAt: isoTime(row.createdAt) };
}
