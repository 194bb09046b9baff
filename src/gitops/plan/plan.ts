/**
 * A plan says for each object what applying would do and why. It is what `gantry diff`, the drift
 * report and the apply stage share.
 */
import type { KubeObject } from "../../kube/object.ts";
import type { FieldChange } from "../../kube/diff.ts";
import type { Verdict } from "./claims.ts";
import type { Desired } from "./desired.ts";
import { hookRunOf } from "./hooks.ts";
import { compareForApply } from "./kind-order.ts";
import { type ObjectRef, refKey, refOf } from "./object-ref.ts";
import type { SyncOptions } from "./sync-options.ts";
import { objectOptions } from "./sync-options.ts";
import { trackedBy } from "./tracking.ts";

export type PlanAction =
  | "create"
  | "update"
  | "replace"
  | "prune"
  | "unchanged"
  | "skip"
  | "wait"
  | "refuse";

export interface PlanEntry {
  readonly ref: ObjectRef;
  readonly action: PlanAction;
  /** Why: for `skip`, `wait`, `refuse` and `replace` always. */
  readonly reason?: string;
  readonly changes: readonly FieldChange[];
  /** Fields that differ and are left alone, as JSON pointers into the manifest. */
  readonly ignored?: readonly string[];
  readonly desired?: Desired;
  readonly live?: KubeObject;
  /** No difference that counts: it is carried out when something else makes a sync necessary. */
  readonly tolerated?: true;
  /** It is pruned as soon as somebody confirms that. */
  readonly unconfirmed?: true;
}
export interface Plan {
  /** In the order in which they are carried out. */
  readonly entries: readonly PlanEntry[];
}

/** Whether carrying out the plan would change nothing, and nothing is refused. */
export function isInSync(plan: Plan): boolean {
  return plan.entries.every(
    ({ action, tolerated }) => action === "unchanged" || action === "skip" || tolerated === true,
  );
}

/** What can be said of an object without asking the API server. `ask`: only a dry run can tell. */
export function firstLook(
  desired: Desired,
  live: KubeObject | undefined,
  owner: string | undefined,
  verdict: (otherOwner: string) => Verdict = () => "wanted",
): PlanEntry | "ask" {
  const entry = { ref: desired.ref, changes: [], desired, ...(live === undefined ? {} : { live }) };
  if (live === undefined) return { ...entry, action: "create" };
  if (desired.options.ignore) return { ...entry, action: "skip", reason: "its annotations say so" };
  if (desired.options.ifNotPresent)
    return { ...entry, action: "skip", reason: "it exists, and is only to be created" };
  const other = trackedBy(live);
  const isShared = desired.manager !== undefined;
  if (other !== undefined && owner !== undefined && other !== owner && !isShared) {
    const [they, we] = [applicationName(other), applicationName(owner)];
    const said = verdict(other);
    if (said === "wanted") {
      const reason = `belongs to Application ${they}, and ${we} wants it, too: remove it from one of the two repositories`;
      return { ...entry, action: "refuse", reason };
    }
    if (said === "unknown") {
      const reason = `belongs to Application ${they}, which has not been looked at yet`;
      return { ...entry, action: "wait", reason };
    }
  }
  return "ask";
}

const applicationName = (label: string): string => label.replace(".", "/");

export interface PruneContext {
  readonly options: SyncOptions;
  /** Why nothing may be pruned now; undefined when pruning is on. */
  readonly forbidden: string | undefined;
  /** Whether these, which ask for a confirmation, have it. */
  readonly isConfirmed?: (asking: readonly ObjectRef[]) => boolean;
  /** Another Application that wants an object, by its tracking label. */
  readonly wantedBy?: (objectKey: string) => string | undefined;
  /** Why nobody can tell yet whether others want what is to be pruned; asked when there is something. */
  readonly undecided?: () => string | undefined;
}

/** What happens to the objects that the Application manages but no longer wants. */
export function planPrune(
  desired: readonly Desired[],
  owned: readonly KubeObject[],
  { options, forbidden, isConfirmed, wantedBy, undecided }: PruneContext,
): PlanEntry[] {
  const wanted = new Set(desired.map((entry) => refKey(entry.ref)));
  let doubt: { readonly reason: string | undefined } | undefined;
  const extraneous = owned.filter(
    (live) => !wanted.has(refKey(refOf(live))) && hookRunOf(live) === undefined,
  );
  const confirmed = (): boolean => {
    const asking = extraneous.filter((live) => objectOptions(live, options).prune === "confirm");
    return isConfirmed?.(asking.map(refOf)) ?? false;
  };
  return extraneous
    .map((live): PlanEntry => {
      const wishes = objectOptions(live, options);
      const entry = {
        ref: refOf(live),
        changes: [],
        live,
        ...(wishes.ignoreExtraneous ? ({ tolerated: true } as const) : {}),
      };
      if (live.metadata.deletionTimestamp !== undefined)
        return { ...entry, action: "skip", reason: "it is being deleted" };
      if (wishes.prune === "confirm" && !confirmed())
        return { ...entry, action: "skip", reason: UNCONFIRMED, unconfirmed: true };
      if (wishes.prune === false)
        return { ...entry, action: "skip", reason: "its annotations or the sync options keep it" };
      if (forbidden !== undefined) return { ...entry, action: "skip", reason: forbidden };
      const heir = wantedBy?.(refKey(entry.ref));
      if (heir !== undefined)
        return {
          ...entry,
          action: "skip",
          reason: `moves to Application ${applicationName(heir)}`,
          tolerated: true,
        };
      doubt ??= { reason: undecided?.() };
      if (doubt.reason !== undefined) return { ...entry, action: "wait", reason: doubt.reason };
      return { ...entry, action: "prune" };
    })
    .sort((a, b) => compareForApply(b.ref, a.ref));
}

const UNCONFIRMED =
  "it is pruned only when somebody confirms that: sync with --confirm, or annotate the Application with argocd.argoproj.io/deletion-approved and the present time";

/** Why pruning must not happen: the guards of an Application. */
export function pruneForbidden(facts: {
  readonly enabled: boolean;
  readonly rendered: boolean;
  readonly complete: boolean;
  readonly empty: boolean;
  readonly allowEmpty: boolean;
}): string | undefined {
  if (!facts.rendered) return "nothing is pruned while the manifests have errors";
  if (!facts.complete)
    return "nothing is pruned while parts of the folder are not rendered: see the warnings";
  if (facts.empty && !facts.allowEmpty)
    return "the revision renders to nothing: set syncPolicy.automated.allowEmpty to prune everything";
  if (!facts.enabled) return "pruning is off: set syncPolicy.automated.prune, or sync with --prune";
  return undefined;
}

/** Counts per action, for one line of summary. */
export function summarize(plan: Plan): Readonly<Record<PlanAction, number>> {
  const counts = {
    create: 0,
    update: 0,
    replace: 0,
    prune: 0,
    unchanged: 0,
    skip: 0,
    wait: 0,
    refuse: 0,
  };
  for (const entry of plan.entries) counts[entry.action]++;
  return counts;
}
