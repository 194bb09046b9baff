/**
 * What a deletion makes of an object: gone at once, or marked with the time by which it shall be
 * gone and with finalizers for the garbage collector (k8s.io/apiserver registry/rest/delete.go).
 */
import type { KubeObject, ObjectMeta } from "../../../kube/object.ts";
import type { ServedKind } from "../registry.ts";
import type { Plan } from "./commit.ts";
import { withDeletionMarks } from "./deletion-marks.ts";
import { finalizersFor, isHeld, type Propagation } from "./finalizers.ts";
import { hasGeneration } from "./generation.ts";
import { timestamp } from "./timestamp.ts";

export interface DeletionOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: Propagation | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
}

export function planDeletion(
  served: ServedKind,
  current: KubeObject,
  options: DeletionOptions,
  nowMs: number,
): Plan {
  const { strategy } = served.kind;
  const graceSeconds = graceOf(served, current, options);
  const policy =
    options.propagationPolicy ??
    (current.metadata.deletionTimestamp === undefined ? strategy.defaultPropagation : undefined);
  const isFirst = current.metadata.deletionTimestamp === undefined;
  const told = isFirst ? withDeletionMarks(served, current, timestamp(nowMs)) : current;
  const metadata = withFinalizers(told.metadata, finalizersFor(told, policy));
  const object = { ...told, metadata };
  if (graceSeconds === 0 && !isHeld(object)) return { action: "delete", last: object };
  const next = marked(served, object, graceSeconds, nowMs);
  return { action: "put", object: next };
}

/** 0 for kinds that are never deleted gracefully. Less than nothing counts as one second, as upstream. */
function graceOf(
  { kind: { strategy } }: ServedKind,
  current: KubeObject,
  { gracePeriodSeconds }: DeletionOptions,
): number {
  if (strategy.gracePeriodSeconds === undefined) return 0;
  const asked = gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds;
  const pending = current.metadata.deletionGracePeriodSeconds;
  if (current.metadata.deletionTimestamp === undefined || pending === undefined) {
    return strategy.gracePeriodSeconds(current, asked);
  }
  // Already on its way: a later request can only hurry it.
  return asked === undefined
    ? pending
    : Math.min(pending, strategy.gracePeriodSeconds(current, asked));
}

function marked(
  served: ServedKind,
  object: KubeObject,
  graceSeconds: number,
  nowMs: number,
): KubeObject {
  const { metadata } = object;
  const { deletionTimestamp, deletionGracePeriodSeconds: pending = 0 } = metadata;
  if (deletionTimestamp !== undefined && graceSeconds >= pending) return object;
  const requestedAtMs =
    deletionTimestamp === undefined ? nowMs : Date.parse(deletionTimestamp) - pending * 1_000;
  const isFirst = deletionTimestamp === undefined;
  const generation = (metadata.generation ?? 0) + 1;
  return {
    ...object,
    metadata: {
      ...metadata,
      deletionTimestamp: timestamp(requestedAtMs + graceSeconds * 1_000),
      deletionGracePeriodSeconds: graceSeconds,
      ...(isFirst && hasGeneration(served) ? { generation } : {}),
    },
  };
}

function withFinalizers(metadata: ObjectMeta, finalizers: readonly string[]): ObjectMeta {
  const { finalizers: _, ...rest } = metadata;
  return finalizers.length === 0 ? rest : { ...rest, finalizers: [...finalizers] };
}
