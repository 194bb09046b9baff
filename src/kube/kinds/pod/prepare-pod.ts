/** What a new pod gets before anything else: its first status, and selectors that say what they mean. */
import { isObject, type UnknownObject } from "../../json-object.ts";
import type { Pod } from "./pod-object.ts";
import { qosClass } from "./qos-class.ts";

/** Takes any JSON: what has the wrong type is left for validation to report. */
export function preparePod(pod: Pod): Pod {
  const prepared = withOwnValues(pod);
  const isGated = (prepared.spec?.schedulingGates ?? []).length > 0;
  return {
    ...prepared,
    status: {
      phase: "Pending",
      qosClass: qosClass(prepared.spec),
      ...(isGated ? { conditions: [GATED] } : {}),
    },
  };
}

/** What `kubectl get pods` shows as SchedulingGated; the scheduler takes its place later. */
const GATED = {
  type: "PodScheduled",
  status: "False",
  reason: "SchedulingGated",
  message: "Scheduling is blocked due to non-empty scheduling gates",
};

/** `matchLabelKeys` become part of the selectors, so that a pod relabelled later means what it meant. */
function withOwnValues(pod: Pod): Pod {
  const { affinity } = pod.spec ?? {};
  const { labels } = pod.metadata;
  if (!isObject(affinity) || !isObject(labels)) return pod;
  const next = mapAffinities(affinity, labels);
  return next === affinity ? pod : ({ ...pod, spec: { ...pod.spec, affinity: next } } as Pod);
}

const KINDS = ["podAffinity", "podAntiAffinity"];
const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

function mapAffinities(affinity: UnknownObject, labels: UnknownObject): UnknownObject {
  let next = affinity;
  for (const kind of KINDS) {
    const given = affinity[kind];
    if (!isObject(given)) continue;
    const required = mapped(given[REQUIRED], (term) => completeTerm(term, labels));
    const preferred = mapped(given[PREFERRED], (item) => {
      if (!isObject(item) || !isObject(item.podAffinityTerm)) return item;
      const podAffinityTerm = completeTerm(item.podAffinityTerm, labels);
      return podAffinityTerm === item.podAffinityTerm ? item : { ...item, podAffinityTerm };
    });
    if (required === given[REQUIRED] && preferred === given[PREFERRED]) continue;
    const changed = { ...given };
    if (required !== undefined) changed[REQUIRED] = required;
    if (preferred !== undefined) changed[PREFERRED] = preferred;
    next = { ...next, [kind]: changed };
  }
  return next;
}

/** The list itself when nothing in it changes. */
function mapped(list: unknown, change: (item: unknown) => unknown): unknown {
  if (!Array.isArray(list)) return list;
  const items: readonly unknown[] = list;
  const next = items.map(change);
  return next.every((item, index) => item === items[index]) ? list : next;
}

function completeTerm(term: unknown, labels: UnknownObject): unknown {
  if (!isObject(term) || !isObject(term.labelSelector)) return term;
  const { labelSelector } = term;
  const added = [
    ...ownValues(term.matchLabelKeys, "In", labels),
    ...ownValues(term.mismatchLabelKeys, "NotIn", labels),
  ];
  if (added.length === 0) return term;
  const given = labelSelector.matchExpressions;
  const before: readonly unknown[] = Array.isArray(given) ? given : [];
  return {
    ...term,
    labelSelector: { ...labelSelector, matchExpressions: [...before, ...added] },
  };
}

function ownValues(keys: unknown, operator: string, labels: UnknownObject): UnknownObject[] {
  if (!Array.isArray(keys)) return [];
  const names: readonly unknown[] = keys;
  return names.flatMap((key) => {
    const value = typeof key === "string" ? labels[key] : undefined;
    return typeof value === "string" ? [{ key, operator, values: [value] }] : [];
  });
}
