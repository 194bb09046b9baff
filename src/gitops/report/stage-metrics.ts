/** What the stages of the pipeline tell about themselves; the server makes Prometheus metrics of it. */

/** Every stage, from the repository to the people who are told. */
export const STAGES = [
  "fetch",
  "resolve",
  "render",
  "check",
  "plan",
  "apply",
  "health",
  "notify",
  "webhook",
  "push",
] as const;
export type Stage = (typeof STAGES)[number];
/** `skipped`: there was nothing to do, e.g. everything came from a cache. */
export const STAGE_OUTCOMES = ["success", "failure", "skipped"] as const;
export type StageOutcome = (typeof STAGE_OUTCOMES)[number];

/** Is told of every stage that ended. Must not throw. */
export interface StageObserver {
  stage(stage: Stage, outcome: StageOutcome, durationMs: number): void;
  /** So many objects were found to differ from Git though nothing was committed. */
  drift(objects: number): void;
}

/** For those who are given none. */
export const ignoreStages: StageObserver = {
  stage: () => undefined,
  drift: () => undefined,
};

/** As {@link observed}, for what does not wait. */
export function observedNow<T>(
  observer: StageObserver = ignoreStages,
  stage: Stage,
  work: () => T,
  outcomeOf: (result: T) => StageOutcome = () => "success",
): T {
  const startedMs = performance.now();
  try {
    const result = work();
    observer.stage(stage, outcomeOf(result), performance.now() - startedMs);
    return result;
  } catch (error) {
    observer.stage(stage, "failure", performance.now() - startedMs);
    throw error;
  }
}

/** Runs one stage and tells how long it took and whether it threw. */
export async function observed<T>(
  observer: StageObserver = ignoreStages,
  stage: Stage,
  work: () => Promise<T>,
  outcomeOf: (result: T) => StageOutcome = () => "success",
): Promise<T> {
  const startedMs = performance.now();
  try {
    const result = await work();
    observer.stage(stage, outcomeOf(result), performance.now() - startedMs);
    return result;
  } catch (error) {
    observer.stage(stage, "failure", performance.now() - startedMs);
    throw error;
  }
}
