import { randomFillSync } from "node:crypto";

const seedBytes = 16;
const keyBytes = 32;
const stockBytes = 128 * (seedBytes + keyBytes);

const stock = Buffer.alloc(stockBytes);
let left = 0;

/**
 * What a run's chances are made of: `seed` (four 32-bit integers) for `Math.random`, `randomKey` (64 hex digits) for `crypto`.
 * The system is asked for a stock at a time, which costs less; what was given out is wiped.
 */
export function drawChances(): { seed: number[]; randomKey: string } {
  if (left === 0) {
    randomFillSync(stock);
    left = stockBytes;
  }
  const at = stockBytes - left;
  left -= seedBytes + keyBytes;
  const seed = [0, 4, 8, 12].map((offset) => stock.readInt32LE(at + offset));
  const randomKey = stock.toString("hex", at + seedBytes, at + seedBytes + keyBytes);
  stock.fill(0, at, at + seedBytes + keyBytes);
  return { seed, randomKey };
}
