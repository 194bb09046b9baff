/**
 * The condition that names what is only deleted when somebody confirms it. Its time is that of the
 * newest name, so that an older approval is never good for it. Pure.
 */
import { parseTime } from "../../client/timestamps.ts";
import type { ApplicationStatus } from "../../kube/kinds/application.ts";
import { formatRef, type ObjectRef } from "../plan/object-ref.ts";
import type { Plan } from "../plan/plan.ts";

export const UNCONFIRMED = "DeletionUnconfirmed";
const BEFORE_NAMES = "objects that Git no longer has are kept until somebody confirms: ";

export function unconfirmedDeletions({
  entries,
}: Plan): { readonly type: string; readonly reason: string; readonly message: string } | undefined {
  const names = entries.flatMap(({ ref, unconfirmed }) => (unconfirmed ? [formatRef(ref)] : []));
  if (names.length === 0) return undefined;
  const message = `${BEFORE_NAMES}${names.join(", ")}`;
  return { type: UNCONFIRMED, reason: "ConfirmationRequired", message };
}

const namesIn = (message: string): Set<string> =>
  new Set(message.slice(BEFORE_NAMES.length).split(", "));

/** Whether a newer message names what an older one did not. */
export function namesMore(before: string, after: string): boolean {
  const known = namesIn(before);
  return [...namesIn(after)].some((name) => !known.has(name));
}

/** Whether an approval came after all of these were named. */
export function isApproved(
  status: ApplicationStatus | undefined,
  asking: readonly ObjectRef[],
  approvedMs: number | undefined,
): boolean {
  const condition = status?.conditions?.find(({ type }) => type === UNCONFIRMED);
  const namedMs = parseTime(condition?.lastTransitionTime);
  if (condition === undefined || approvedMs === undefined || namedMs === undefined) return false;
  const named = namesIn(condition.message);
  return approvedMs >= namedMs && asking.every((ref) => named.has(formatRef(ref)));
}
