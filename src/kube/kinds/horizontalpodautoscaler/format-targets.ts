/** The TARGETS column, as `kubectl get hpa` shows it since 1.30: `cpu: 12%/80%`. */
import type { MetricSpec, MetricStatus } from "kubernetes-types/autoscaling/v2";
import { NONE, UNKNOWN } from "../columns.ts";

/** More would not fit into a line. */
const MAX_SHOWN = 2;

export interface Targets {
  readonly spec?: { readonly metrics?: readonly MetricSpec[] };
  readonly status?: { readonly currentMetrics?: readonly MetricStatus[] };
}

export function formatTargets({ spec, status }: Targets): string {
  const metrics = spec?.metrics ?? [];
  if (metrics.length === 0) return NONE;
  const shown = metrics.slice(0, MAX_SHOWN).map((metric, index) => {
    return formatTarget(metric, status?.currentMetrics?.[index]);
  });
  const more = metrics.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` + ${more} more...` : "");
}

function formatTarget(spec: MetricSpec, status: MetricStatus | undefined): string {
  const { resource, containerResource, pods, object, external } = spec;
  const named = resource ?? containerResource;
  if (named !== undefined) {
    const current = (status?.resource ?? status?.containerResource)?.current;
    const { averageValue, averageUtilization } = named.target;
    if (averageValue !== undefined)
      return `${named.name}: ${current?.averageValue ?? UNKNOWN}/${averageValue}`;
    const used =
      current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
    return `${named.name}: ${used}/${averageUtilization ?? "<auto>"}%`;
  }
  if (pods !== undefined)
    return `${status?.pods?.current.averageValue ?? UNKNOWN}/${pods.target.averageValue ?? ""}`;
  const source = object ?? external;
  if (source === undefined) return "<unknown type>";
  const current = (status?.object ?? status?.external)?.current;
  return source.target.averageValue === undefined
    ? `${current?.value ?? UNKNOWN}/${source.target.value ?? ""}`
    : `${current?.averageValue ?? UNKNOWN}/${source.target.averageValue} (avg)`;
}
