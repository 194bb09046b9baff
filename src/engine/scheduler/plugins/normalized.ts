import { MAX_SCORE } from "../framework.ts";

/** Scores as parts of the highest, 0 to 100; undefined when none is above 0. */
export function normalized(scores: readonly number[]): readonly number[] | undefined {
  let highest = 0;
  for (const score of scores) if (score > highest) highest = score;
  return highest === 0
    ? undefined
    : scores.map((score) => Math.floor((MAX_SCORE * score) / highest));
}
