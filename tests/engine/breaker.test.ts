import { expect, test } from "vitest";
import { createBreaker } from "../../engine/sandbox/breaker.ts";
import type { Rest } from "../../engine/sandbox.ts";

function createStage() {
  let nowMs = 0;
  const told: Rest[] = [];
  const breaker = createBreaker(
    { kills: 2, withinMs: 1000, restMs: 500 },
    (rest) => told.push(rest),
    () => nowMs,
  );
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { ...breaker, told, wait };
}

test("a tenant that ends too many processes within the time rests until its rest is over", () => {
  const { blame, restLeftMs, rests, wait } = createStage();
  blame("a");
  expect(restLeftMs("a")).toBe(0);
  blame("a");
  expect([restLeftMs("a"), restLeftMs("b")]).toEqual([500, 0]);
  wait(200);
  expect(rests()).toEqual([{ tenant: "a", leftMs: 300, kills: 2 }]);
  wait(300);
  expect([restLeftMs("a"), rests()]).toEqual([0, []]);
});

test("a tenant that ends processes further apart than the time never rests", () => {
  const { blame, restLeftMs, wait } = createStage();
  for (let i = 0; i < 10; i += 1) {
    blame("a");
    wait(1001);
  }
  expect(restLeftMs("a")).toBe(0);
});

test("a rest is told once, however many runs under way end processes meanwhile, and the next one again", () => {
  const { blame, restLeftMs, told, wait } = createStage();
  for (let i = 0; i < 4; i += 1) blame("a");
  expect(told).toEqual([{ tenant: "a", leftMs: 500, kills: 2 }]);
  wait(600);
  expect(restLeftMs("a")).toBe(0);
  for (let i = 0; i < 2; i += 1) blame("a");
  expect(told).toHaveLength(2);
});
