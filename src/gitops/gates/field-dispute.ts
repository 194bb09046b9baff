/** Somebody else keeps changing what Git says: who, and which fields. Pure. */
import { ownersOf } from "../../kube/apply/ownership.ts";
import { FIELD_MANAGER } from "../plan/field-manager.ts";
import { formatRef } from "../plan/object-ref.ts";
import type { Plan, PlanEntry } from "../plan/plan.ts";

/** Heals without a quiet time in between from which on it is a dispute and no accident. */
export const DISPUTED_HEALS = 3;
/** Shown; the drift report has them all. */
const MAX_OBJECTS = 3;
const MAX_FIELDS = 3;

/** `ConfigMap default/a data.key (by kubectl-edit)`: what differs from Git, and who wrote it. */
export function differingFields({ entries }: Plan): string {
  const differing = entries.filter(({ action }) => action !== "unchanged" && action !== "skip");
  const shown = differing.slice(0, MAX_OBJECTS).map(describe);
  const more = differing.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more objects`] : [])].join("; ");
}

function describe({ ref, action, changes, live }: PlanEntry): string {
  if (live === undefined || action === "create") return `${formatRef(ref)} (deleted)`;
  const fields = changes.slice(0, MAX_FIELDS).map(({ path }) => path);
  const writers = new Set(
    changes.flatMap(({ fieldPath }) =>
      ownersOf(live, fieldPath)
        .map(({ manager }) => manager)
        .filter((manager) => manager !== FIELD_MANAGER),
    ),
  );
  const by = writers.size === 0 ? "" : ` (by ${[...writers].sort().join(", ")})`;
  return `${formatRef(ref)}${fields.length === 0 ? "" : ` ${fields.join(", ")}`}${by}`;
}
