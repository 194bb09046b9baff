/** Status conditions, as the API conventions describe them: one entry per type. */

/** What every condition type has; kinds add `observedGeneration`, `lastUpdateTime`, … */
export interface ConditionLike {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export function findCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(
  conditions: readonly ConditionLike[] | undefined,
  type: string,
): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/**
 * The list with one condition set. `lastTransitionTime` becomes `now` (RFC 3339) only when the
 * status changes; otherwise the former one stays. The order of the list is kept, new types go last.
 */
export function setCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  condition: C,
  now: string,
): C[] {
  const previous = findCondition(conditions, condition.type);
  const lastTransitionTime =
    previous !== undefined && previous.status === condition.status
      ? (previous.lastTransitionTime ?? now)
      : now;
  const next = { ...condition, lastTransitionTime };
  if (previous === undefined) return [...(conditions ?? []), next];
  return (conditions ?? []).map((existing) => (existing === previous ? next : existing));
}

export function removeCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  type: string,
): C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
