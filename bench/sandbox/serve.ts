import * as v from "valibot";
import { type Message, Question } from "./messages.ts";
import { pacedRuns, type Run } from "./series.ts";

/** What a contestant's process can be asked, by name. */
export type Answers = Record<string, (question: Question) => Promise<unknown>>;

/** The child's side: says that it is ready, then answers one question after the other until its parent goes. */
export function serve(answers: Answers): void {
  process.on("message", (message) => {
    const question = v.parse(Question, message);
    const answer = answers[question.do] ?? (() => Promise.reject(new Error(`cannot be asked for ${question.do}`)));
    answer(question).then(
      (value) => send({ kind: "answer", value }),
      (error: unknown) => send({ kind: "failed", message: error instanceof Error ? `${error.stack}` : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit());
  send({ kind: "ready" });
}

/** The questions that each contestant can answer: a series in a warm place, one in a new place each time. */
export function pacedAnswers(warm: Run, cold: Run): Answers {
  return {
    warm: (question) => pacedRuns(warm, question),
    cold: (question) => pacedRuns(cold, question),
  };
}

function send(message: Message): void {
  process.send?.(message);
}
