/** What has to happen to the Applications of a set: pure, from what is wanted and what is there. */
import type { ApplicationSet } from "../../kube/kinds/applicationset.ts";
import type { KubeObject } from "../../kube/object.ts";
import { covers } from "../plan/covers.ts";
import { sha256 } from "../plan/desired.ts";

/** Its value approves the deletions that the guard holds back: what the condition says. */
export const APPROVAL_ANNOTATION = "gantry.dev/deletion-approved";
/** So few may always go: a set of two that loses one is nothing unusual. */
const ALWAYS_DELETABLE = 3;
const DEFAULT_MAX_FRACTION = 0.5;
const APPROVAL_LENGTH = 12;

export interface ApplicationPlan {
  readonly apply: readonly KubeObject[];
  readonly remove: readonly KubeObject[];
  /** Names that belong to somebody else. */
  readonly foreign: readonly string[];
  /** Why Applications that are no longer wanted stay. */
  readonly held?: { readonly names: readonly string[]; readonly message: string };
}

export function planApplications(
  set: ApplicationSet,
  wanted: readonly KubeObject[],
  existing: ReadonlyMap<string, KubeObject>,
): ApplicationPlan {
  const policy = set.spec.syncPolicy?.applicationsSync ?? "sync";
  const mayUpdate = policy === "create-update" || policy === "sync";
  const mayDelete = policy === "create-delete" || policy === "sync";
  const names = new Set(wanted.map(({ metadata }) => metadata.name));
  const owned = [...existing.values()].filter((live) => isOwned(live, set));
  const foreign = wanted.filter(({ metadata }) => {
    const live = existing.get(metadata.name);
    return live !== undefined && !isOwned(live, set);
  });
  const apply = wanted.filter((application) => {
    const live = existing.get(application.metadata.name);
    if (live === undefined) return true;
    return isOwned(live, set) && mayUpdate && !isUpToDate(live, application);
  });
  const surplus = mayDelete ? owned.filter(({ metadata }) => !names.has(metadata.name)) : [];
  const message = guard(set, surplus, owned.length, wanted.length);
  return {
    apply,
    foreign: foreign.map(({ metadata }) => metadata.name),
    remove: message === undefined ? surplus : [],
    ...(message === undefined
      ? {}
      : { held: { names: surplus.map(({ metadata }) => metadata.name), message } }),
  };
}

function isOwned(live: KubeObject, { metadata }: ApplicationSet): boolean {
  return (live.metadata.ownerReferences ?? []).some(
    ({ controller, uid }) => controller === true && uid === metadata.uid,
  );
}

function isUpToDate(live: KubeObject, wanted: KubeObject): boolean {
  const { labels, annotations, finalizers, ownerReferences } = live.metadata;
  return covers(
    { ...live, metadata: { ...wanted.metadata, labels, annotations, finalizers, ownerReferences } },
    wanted,
  );
}

/** Why nothing is deleted: an empty answer, or too many at once, are more often mistakes than wishes. */
function guard(
  set: ApplicationSet,
  surplus: readonly KubeObject[],
  owned: number,
  wanted: number,
): string | undefined {
  if (surplus.length === 0) return undefined;
  const approval = approvalOf(surplus);
  if (set.metadata.annotations?.[APPROVAL_ANNOTATION] === approval) return undefined;
  const { maxDeletions, allowEmpty } = set.spec.deletionGuard ?? {};
  const approve = `to delete them all the same, annotate the ApplicationSet with ${APPROVAL_ANNOTATION}=${approval}`;
  if (wanted === 0 && allowEmpty !== true)
    return `the generators yield nothing, so ${surplus.length} Applications are kept; set deletionGuard.allowEmpty, or ${approve}`;
  const limit = limitOf(maxDeletions, owned);
  if (wanted === 0 && maxDeletions === undefined) return undefined;
  if (surplus.length <= limit) return undefined;
  return `${surplus.length} of ${owned} Applications would be deleted, the limit is ${limit}; ${approve}`;
}

function limitOf(maxDeletions: number | string | undefined, owned: number): number {
  if (maxDeletions === undefined)
    return Math.max(ALWAYS_DELETABLE, Math.floor(owned * DEFAULT_MAX_FRACTION));
  if (typeof maxDeletions === "number") return maxDeletions;
  const percent = Number.parseFloat(maxDeletions);
  const share = maxDeletions.endsWith("%") ? (owned * percent) / 100 : percent;
  return Number.isFinite(share) ? Math.floor(share) : 0;
}

/** Of exactly these deletions: an approval does not hold for later ones. */
function approvalOf(surplus: readonly KubeObject[]): string {
  const names = surplus.map(({ metadata }) => `${metadata.name}/${metadata.uid ?? ""}`).sort();
  return sha256(names.join("\n")).slice(0, APPROVAL_LENGTH);
}
