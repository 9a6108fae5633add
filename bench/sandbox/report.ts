/** One line of a table; numbers in the order of its columns. */
export type Row = { name: string; figures: number[] };

/** A goal and what became of it. `atMost` and `atLeast` are the bounds. */
export type Goal = { name: string; figure: number; atMost?: number; atLeast?: number };

/** What one part of the benchmark has found. */
export type Part = { title: string; columns: string[]; rows: Row[]; notes: string[]; goals: Goal[] };

/** How much of everything is measured. */
export type Scale = { quick: boolean; leakRuns: number };

/** Whether a figure is within its bounds; NaN never is. */
export function isMet({
  figure,
  atMost = Number.POSITIVE_INFINITY,
  atLeast = Number.NEGATIVE_INFINITY,
}: Goal): boolean {
  return figure <= atMost && figure >= atLeast;
}

/** A part as Markdown. */
export function partAsMarkdown({ title, columns, rows, notes }: Part): string {
  const lines = rows.map(({ name, figures }) => `| ${[name, ...figures.map(figureText)].join(" | ")} |`);
  const head = [`### ${title}`, "", `| | ${columns.join(" | ")} |`, `|---|${columns.map(() => "---|").join("")}`];
  return [...head, ...lines, ...(notes.length > 0 ? ["", ...notes] : []), ""].join("\n");
}

/** The goals of all parts as Markdown. */
export function goalsAsMarkdown(goals: Goal[]): string {
  const lines = goals.map((goal) => {
    const bound = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
    return `| ${goal.name} | ${bound} | ${figureText(goal.figure)} | ${isMet(goal) ? "met" : "**missed**"} |`;
  });
  return ["### Goals", "", "| | goal | figure | |", "|---|---|---|---|", ...lines, ""].join("\n");
}

function figureText(figure: number): string {
  if (Number.isNaN(figure)) return "";
  if (Number.isInteger(figure) || Math.abs(figure) >= 1000) return String(Math.round(figure));
  return figure.toFixed(Math.abs(figure) < 10 ? 2 : 1);
}

/** One line of progress, beside the table. */
export function progress(text: string): void {
  console.error(text);
}
