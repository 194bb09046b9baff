/**
 * What others changed in the objects of an Application, field by field, with who and when: kept in
 * the status, so that it is known after self-healing took it back. Pure.
 */
import { ownersOf } from "../../kube/apply/ownership.ts";
import type { FieldChange } from "../../kube/diff.ts";
import type { ApplicationDrift, ApplicationDriftField } from "../../kube/kinds/application.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { ObjectResult } from "../apply/apply-plan.ts";
import { type ObjectRef, refKey } from "../plan/object-ref.ts";
import type { Plan, PlanEntry } from "../plan/plan.ts";
import { FIELD_MANAGER } from "../plan/planner.ts";
import { refsOf, resourceRef } from "./resource-ref.ts";

/** The newest; older drift is in the Events. */
const MAX_OBJECTS = 20;
const MAX_FIELDS = 10;
/** A value is shown to be recognised, not to be restored from. */
const MAX_VALUE_CHARACTERS = 120;

/** Who wrote to an object through a field manager; a cluster without our audit log knows nobody. */
export interface ChangeAuthors {
  writerOf(
    object: ObjectRef & { readonly plural: string },
    manager: string,
  ): { readonly user: string; readonly atMs: number } | undefined;
}
export const nobodyKnown: ChangeAuthors = { writerOf: () => undefined };

export interface DriftFacts {
  readonly plan: Plan;
  /** Whether the revision was synced before: only then is a difference somebody's change. */
  readonly wasSynced: boolean;
  /** Of the sync that heals, if there is one. */
  readonly results: readonly ObjectResult[] | undefined;
  readonly authors: ChangeAuthors;
}

/** What the status says of drift now: newest last; what is gone from the plan was taken back. */
export function driftAfter(
  before: readonly ApplicationDrift[],
  { plan, wasSynced, results, authors }: DriftFacts,
  now: string,
): ApplicationDrift[] {
  const healed = new Set(
    (results ?? []).filter(({ status }) => status !== "SyncFailed").map(({ ref }) => refKey(ref)),
  );
  const found = new Map<string, ApplicationDrift>();
  if (wasSynced)
    for (const entry of plan.entries) {
      if (!isDrift(entry)) continue;
      const key = refKey(entry.ref);
      const drift = driftOf(entry, authors, now);
      found.set(key, healed.has(key) ? { ...drift, healedAt: now } : drift);
    }
  const after: ApplicationDrift[] = [];
  for (const known of before) {
    if (known.healedAt !== undefined) {
      after.push(known);
      continue;
    }
    const [ref] = refsOf([known]);
    const key = ref === undefined ? "" : refKey(ref);
    const again = found.get(key);
    if (again === undefined) {
      after.push({ ...known, healedAt: now });
      continue;
    }
    found.delete(key);
    after.push({ ...again, detectedAt: known.detectedAt });
  }
  return [...after, ...found.values()].slice(-MAX_OBJECTS);
}

function isDrift({ action, tolerated }: PlanEntry): boolean {
  return (action === "update" || action === "replace" || action === "create") && tolerated !== true;
}

function driftOf(entry: PlanEntry, authors: ChangeAuthors, now: string): ApplicationDrift {
  const { ref, action, changes, live } = entry;
  const fields = changes.slice(0, MAX_FIELDS).map((change) => fieldOf(entry, change, authors));
  return {
    ...resourceRef(ref),
    change: action === "create" ? "Deleted" : "Changed",
    ...(live === undefined || fields.length === 0 ? {} : { fields }),
    detectedAt: now,
  };
}

function fieldOf(
  { ref, live, desired }: PlanEntry,
  change: FieldChange,
  authors: ChangeAuthors,
): ApplicationDriftField {
  const owner = live === undefined ? undefined : writerOf(live, change);
  const plural = desired?.resource.plural;
  const writer =
    owner === undefined || plural === undefined
      ? undefined
      : authors.writerOf({ ...ref, plural }, owner.manager);
  // Of a plan: what is live goes, what is in Git comes.
  const { path, from, to } = change;
  return {
    path,
    ...(from === undefined ? {} : { live: shown(from) }),
    ...(to === undefined ? {} : { git: shown(to) }),
    ...(owner === undefined ? {} : { manager: owner.manager }),
    ...(writer === undefined ? {} : { user: writer.user }),
    ...(owner?.time === undefined ? {} : { at: owner.time }),
  };
}

/** The last of the owners that is not the operator itself. */
function writerOf(
  live: KubeObject,
  { fieldPath }: FieldChange,
): { readonly manager: string; readonly time?: string } | undefined {
  return ownersOf(live, fieldPath)
    .filter(({ manager }) => manager !== FIELD_MANAGER)
    .at(-1);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= MAX_VALUE_CHARACTERS ? text : `${text.slice(0, MAX_VALUE_CHARACTERS)}…`;
}
