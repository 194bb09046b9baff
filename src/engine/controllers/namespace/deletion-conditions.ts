/** What a Namespace that is being deleted says about its remaining contents. */
import type { NamespaceCondition } from "kubernetes-types/core/v1";
import { formatTime } from "../../../client/timestamps.ts";
import { setCondition } from "../../../kube/conditions.ts";
import type { KubeObject } from "../../../kube/object.ts";

/** Objects of one resource that are still there. */
export interface Remaining {
  /** `pods`, `deployments.apps`. */
  readonly resource: string;
  readonly objects: readonly KubeObject[];
}
export interface DeletionProgress {
  readonly remaining: readonly Remaining[];
  /** Failures to delete or to look, one sentence each. */
  readonly failures: readonly string[];
}

/** The conditions as upstream's namespace controller words them. */
export function deletionConditions(
  before: readonly NamespaceCondition[] | undefined,
  { remaining, failures }: DeletionProgress,
  nowMs: number,
): readonly NamespaceCondition[] {
  const counts = remaining.map(
    ({ resource, objects }) => `${resource} has ${objects.length} resource instances`,
  );
  const holders = finalizerCounts(remaining).map(
    ([finalizer, count]) => `${finalizer} in ${count} resource instances`,
  );
  const said = [
    condition(
      "NamespaceDeletionContentFailure",
      failures.length > 0,
      [
        "ContentDeletionFailed",
        `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(", ")}`,
      ],
      ["ContentDeleted", "All content successfully deleted, may be waiting on finalization"],
    ),
    condition(
      "NamespaceContentRemaining",
      counts.length > 0,
      ["SomeResourcesRemain", `Some resources are remaining: ${counts.join(", ")}`],
      ["ContentRemoved", "All content successfully removed"],
    ),
    condition(
      "NamespaceFinalizersRemaining",
      holders.length > 0,
      [
        "SomeFinalizersRemain",
        `Some content in the namespace has finalizers remaining: ${holders.join(", ")}`,
      ],
      ["ContentHasNoFinalizers", "All content-preserving finalizers finished"],
    ),
  ];
  const now = formatTime(nowMs);
  return said.reduce<readonly NamespaceCondition[]>(
    (conditions, next) => setCondition(conditions, next, now),
    before ?? [],
  );
}

type Wording = readonly [reason: string, message: string];

function condition(type: string, isTrue: boolean, yes: Wording, no: Wording): NamespaceCondition {
  const [reason, message] = isTrue ? yes : no;
  return { type, status: isTrue ? "True" : "False", reason, message };
}

function finalizerCounts(remaining: readonly Remaining[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { objects } of remaining)
    for (const { metadata } of objects)
      for (const finalizer of metadata.finalizers ?? [])
        counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
