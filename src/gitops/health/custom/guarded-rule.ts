/**
 * Keeps the rules of users from holding up everybody else: an object that has not changed is not
 * judged again, and a rule that used up its bounds rests for a while.
 */
import type { KubeObject } from "../../../kube/object.ts";
import { type Health, type HealthRule, unknown } from "../health.ts";

/** A rule over its bounds takes up to half a second: once a minute that is nothing. */
const REST_MS = 60_000;

/** Thrown by a rule that used up its bounds; the message is for people. */
export class RuleExhaustedError extends Error {
  override readonly name = "RuleExhaustedError";
}

/** @param nowMs of a monotonic clock */
export function guardedRule(
  name: string,
  rule: (object: KubeObject) => Health | undefined,
  nowMs: () => number,
): HealthRule {
  // Stored objects are frozen and shared: the same one is the same text.
  const judged = new WeakMap<KubeObject, { readonly health: Health | undefined }>();
  let rest: { readonly untilMs: number; readonly health: Health } | undefined;
  return (object) => {
    const known = judged.get(object);
    if (known !== undefined) return known.health;
    if (rest !== undefined && nowMs() < rest.untilMs) return rest.health;
    let health: Health | undefined;
    try {
      health = rule(object);
    } catch (error) {
      health = unknown(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      if (error instanceof RuleExhaustedError) rest = { untilMs: nowMs() + REST_MS, health };
    }
    if (Object.isFrozen(object)) judged.set(object, { health });
    return health;
  };
}
