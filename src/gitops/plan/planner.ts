/** Makes a plan: looks at live state, and asks the API server where a look is not enough. */
import type { Client } from "../../client/client.ts";
import { diffObjects, type FieldChange } from "../../kube/diff.ts";
import { formatJsonPointer } from "../../kube/json-pointer.ts";
import type { KubeObject } from "../../kube/object.ts";
import { schemaOf } from "../../kube/schema/definitions.ts";
import { isStatus, StatusError } from "../../kube/status-error.ts";
import type { Verdict } from "./claims.ts";
import { covers } from "./covers.ts";
import type { Desired } from "./desired.ts";
import { FIELD_MANAGER } from "./field-manager.ts";
import { afterTakeover } from "./field-takeover.ts";
import { ignoredDifferences, keepIgnored, leaveAlone } from "./ignore-differences.ts";
import { IgnoreRuleError, NOTHING_IGNORED } from "./ignore-rules.ts";
import { compareForApply } from "./kind-order.ts";
import { type ObjectRef, refKey } from "./object-ref.ts";
import { firstLook, type Plan, type PlanEntry, planPrune, type PruneContext } from "./plan.ts";
import { MANIFEST_HASH_ANNOTATION, trackedBy, withoutTracking } from "./tracking.ts";
import { managerOf, mustTakeOver, writeDesired } from "./write-desired.ts";

export { FIELD_MANAGER };

/** Live objects as the planner needs them. */
export interface LiveObjects {
  get(desired: Desired, signal?: AbortSignal): Promise<KubeObject | undefined>;
  /** Everything tracked by this Application, of the kinds of these objects. */
  owned(
    label: string,
    kinds: readonly ObjectRef[],
    signal?: AbortSignal,
  ): Promise<readonly KubeObject[]>;
}

export interface PlanRequest {
  readonly client: Client;
  readonly live: LiveObjects;
  /** The Application's tracking label. Absent: nobody in particular; nothing is pruned. */
  readonly owner?: string | undefined;
  readonly desired: readonly Desired[];
  /** What the Application had applied before, from its status. */
  readonly inventory: readonly ObjectRef[];
  readonly prune: PruneContext;
  /** What another Application says of an object that it owns. @default it wants it */
  readonly verdict?: (owner: string, objectKey: string) => Verdict;
  /** Objects known to be unchanged: spares dry runs from one plan to the next. */
  readonly verified?: Verified;
  readonly signal?: AbortSignal;
}

/** Remembers of each object the live revision at which a dry run found nothing to change. */
export class Verified {
  readonly #known = new Map<string, string>();
  has(desired: Desired, live: KubeObject): boolean {
    return this.#known.get(refKey(desired.ref)) === mark(desired, live);
  }
  add(desired: Desired, live: KubeObject): void {
    this.#known.set(refKey(desired.ref), mark(desired, live));
  }
  /** Forgets objects that are no longer wanted. */
  retain(desired: readonly Desired[]): void {
    const wanted = new Set(desired.map((entry) => refKey(entry.ref)));
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#known.delete(key);
  }
}
const mark = (desired: Desired, live: KubeObject): string =>
  `${desired.hash}/${live.metadata.uid ?? ""}/${live.metadata.resourceVersion ?? ""}`;

export async function makePlan(request: PlanRequest): Promise<Plan> {
  const { desired, live, owner } = request;
  const kinds = [...request.inventory, ...desired.map((entry) => entry.ref)];
  const owned = owner === undefined ? [] : await live.owned(owner, kinds, request.signal);
  const entries: PlanEntry[] = [];
  for (const wanted of [...desired].sort((a, b) => compareForApply(a.ref, b.ref)))
    entries.push(await planObject(wanted, request));
  request.verified?.retain(desired);
  return { entries: [...entries, ...planPrune(desired, owned, request.prune)] };
}

async function planObject(desired: Desired, request: PlanRequest): Promise<PlanEntry> {
  const live = await request.live.get(desired, request.signal);
  const { owner, verdict } = request;
  const look = firstLook(
    desired,
    live,
    owner,
    verdict && ((other) => verdict(other, refKey(desired.ref))),
  );
  if (look !== "ask" || live === undefined) return look as PlanEntry;
  return planExisting(desired, live, request);
}

async function planExisting(
  desired: Desired,
  live: KubeObject,
  request: PlanRequest,
): Promise<PlanEntry> {
  const leftAlone = ignoring(desired, live);
  if ("refused" in leftAlone)
    return {
      ref: desired.ref,
      desired,
      live,
      action: "refuse",
      changes: [],
      reason: leftAlone.refused,
    };
  const { wanted, ignored } = leftAlone;
  const entry = { ref: desired.ref, desired: wanted, live, ...ignored };
  if (isUnchanged(wanted, live, request.verified))
    return { ...entry, action: "unchanged", changes: [] };
  try {
    const next = await dryRun(wanted, live, request);
    const changes = visibleChanges(live, next, desired.confidential);
    if (changes.length === 0 && isMarked(live, desired, request.owner)) {
      request.verified?.add(wanted, live);
      return { ...entry, action: "unchanged", changes };
    }
    return { ...entry, action: "update", changes };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return refusedUpdate(entry, error, desired);
  }
}

/** What to apply of a manifest, its ignored fields considered. */
function ignoring(
  desired: Desired,
  live: KubeObject,
): { wanted: Desired; ignored: Pick<PlanEntry, "ignored"> } | { refused: string } {
  const { object, ignored: rules } = desired;
  if (rules === NOTHING_IGNORED) return { wanted: desired, ignored: {} };
  try {
    const differing = ignoredDifferences(object, live, rules).map(formatJsonPointer);
    const ignored = differing.length === 0 ? {} : { ignored: differing };
    // What is written as a whole would lose the fields that are left out.
    const adapted = desired.options.replace
      ? keepIgnored(object, live, rules)
      : leaveAlone(object, live, rules, managerOf(desired));
    return { wanted: { ...desired, object: adapted }, ignored };
  } catch (error) {
    if (error instanceof IgnoreRuleError) return { refused: error.message };
    throw error;
  }
}

/** Same manifest as applied last, and all of it is still there. */
function isUnchanged(desired: Desired, live: KubeObject, verified: Verified | undefined): boolean {
  if (verified?.has(desired, live) === true) return true;
  return hashOf(live) === desired.hash && covers(live, desired.object);
}

/** Whether nobody took our marks away, or there are to be none. */
function isMarked(live: KubeObject, desired: Desired, owner: string | undefined): boolean {
  if (desired.manager !== undefined) return true;
  return owner === undefined || (hashOf(live) === desired.hash && trackedBy(live) === owner);
}

const hashOf = (live: KubeObject): string | undefined =>
  live.metadata.annotations?.[MANIFEST_HASH_ANNOTATION];

/** The object as applying would leave it. */
async function dryRun(
  desired: Desired,
  live: KubeObject,
  request: PlanRequest,
): Promise<KubeObject> {
  const { client, signal } = request;
  const next = await writeDesired(desired, live, { client, signal, dryRun: true });
  if (!mustTakeOver(desired, live)) return next;
  return afterTakeover(next, desired.object, managerOf(desired));
}

/** The difference as people should see it: without bookkeeping, without secret values. */
export function visibleChanges(
  live: KubeObject,
  next: KubeObject,
  confidential = false,
): FieldChange[] {
  const schema = schemaOf(live.apiVersion, live.kind);
  const isSecret = live.kind === "Secret" && live.apiVersion === "v1";
  return diffObjects(withoutTracking(live), withoutTracking(next), {
    ...(schema === undefined ? {} : { schema }),
    ignore: (path) => BOOKKEEPING.test(path),
    // What kubectl applied last repeats the data in an annotation.
    mask: (path) =>
      confidential
        ? !/^(apiVersion|kind|metadata(\.labels\b.*)?)$/.test(path)
        : isSecret && /^(data|stringData|metadata\.annotations)\b/.test(path),
  });
}

const BOOKKEEPING = /^metadata\.(managedFields|resourceVersion|generation|uid|creationTimestamp)\b/;

/** The server would not take the update: replace the object where that is asked for. */
function refusedUpdate(
  entry: { readonly ref: ObjectRef; readonly desired: Desired; readonly live: KubeObject },
  error: StatusError,
  { object, ignored }: Desired,
): PlanEntry {
  const immutable = isStatus(error, "Invalid") && /immutable|Forbidden/i.test(error.message);
  if (immutable && entry.desired.options.force) {
    const desired = { ...entry.desired, object: keepIgnored(object, entry.live, ignored) };
    return { ...entry, desired, action: "replace", changes: [], reason: error.message };
  }
  const hint = immutable ? `; ${replaceAdvice(entry.ref)}` : "";
  return { ...entry, action: "refuse", changes: [], reason: `${error.message}${hint}` };
}

function replaceAdvice({ kind }: ObjectRef): string {
  if (kind === "Namespace" || kind === "CustomResourceDefinition")
    return "it is never replaced, for that would delete everything in it: take the change back, or delete it by hand";
  return "annotate it with argocd.argoproj.io/sync-options: Force=true to delete and create it again";
}
