/** Kinds that are measured when asked: only get and list, described in discovery, never stored. */
import type { Kind } from "../../../kube/kind.ts";
import { nodeMetrics, podMetrics } from "../../../kube/pod-metrics.ts";

export const METRICS_KINDS: readonly Kind[] = [nodeMetrics, podMetrics];

const SERVED = METRICS_KINDS.map((kind) => ({ kind, storageVersion: kind.version }));

export function findMetrics(
  group: string,
  version: string,
  plural: string,
): (typeof SERVED)[number] | undefined {
  return SERVED.find(
    ({ kind }) => kind.group === group && kind.version === version && kind.plural === plural,
  );
}

export function isMetrics({ kind }: { readonly kind: Kind }): boolean {
  return METRICS_KINDS.includes(kind);
}
