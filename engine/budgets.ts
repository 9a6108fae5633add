import type { Issue } from "../schemas/errors.ts";
import { type Budgets, defaultBudgets, type largestBudgets } from "../schemas/workflow.ts";

/** The most that any run on this server may use, whatever an environment says. Units as in `Budgets`. */
export type BudgetMaxima = typeof largestBudgets;

const bounded = ["wallMs", "cpuMs", "memoryBytes", "outboundCalls"] as const;

/** Budgets as a run gets them: a configuration that was saved when the server allowed more gets no more than it allows now. */
export function withinMaxima(budgets: Budgets, maxima: BudgetMaxima): Budgets {
  const lowered = { ...budgets };
  for (const name of bounded) lowered[name] = Math.min(budgets[name], maxima[name]);
  return lowered;
}

/**
 * What a document asks for beyond the maxima. A value that is the default is no problem, because a document that asks for
 * nothing is read back with it: it is lowered when it is used.
 */
export function budgetIssues(budgets: Budgets, maxima: BudgetMaxima): Issue[] {
  return bounded
    .filter((name) => budgets[name] > maxima[name] && budgets[name] !== defaultBudgets[name])
    .map((name) => ({
      path: `budgets.${name}`,
      message: `is ${budgets[name]}, and this server allows ${maxima[name]} at most`,
    }));
}
