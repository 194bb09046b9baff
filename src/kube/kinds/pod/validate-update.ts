/** What may change in a pod once it exists: very little. */
import type { NodeSelectorTerm, PodSpec, Toleration } from "kubernetes-types/core/v1";
import { deepEqual } from "../../equality.ts";
import type { FieldError } from "../../field-error.ts";
import { isObject } from "../../json-object.ts";
import { forbidden, invalid } from "../field-problems.ts";
import type { Pod } from "./pod-object.ts";

const CHANGEABLE =
  "only containers[*].image, initContainers[*].image, activeDeadlineSeconds (lower), tolerations (more), terminationGracePeriodSeconds (1, if it was negative) and schedulingGates (fewer) may change";
const MAX_PATHS_SHOWN = 5;

export function validatePodUpdate(next: Pod, previous: Pod): FieldError[] {
  const [now, before] = [next.spec, previous.spec];
  if (now === undefined || before === undefined || now === before) return [];
  const errors = [
    ...validateDeadline(now, before),
    ...validateGates(now, before),
    ...validateTolerations(now.tolerations ?? [], before.tolerations ?? []),
    ...((before.schedulingGates ?? []).length > 0 ? validateNarrowing(now, before) : []),
  ];
  const changed = changedPaths(withoutChangeable(now, before), before, "spec");
  if (changed.length > 0) {
    const shown = changed.slice(0, MAX_PATHS_SHOWN).join(", ");
    const more = changed.length > MAX_PATHS_SHOWN ? ", …" : "";
    const detail = `pod updates may not change ${shown}${more}: ${CHANGEABLE}; delete and create the pod instead`;
    errors.push(forbidden("spec", detail));
  }
  return errors;
}

function validateDeadline(now: PodSpec, before: PodSpec): FieldError[] {
  const field = "spec.activeDeadlineSeconds";
  const [next, previous] = [now.activeDeadlineSeconds, before.activeDeadlineSeconds];
  if (previous === undefined || next === previous) return [];
  if (next === undefined)
    return [invalid(field, next, "must not update from a positive integer to nil value")];
  return next > previous
    ? [invalid(field, next, "must be less than or equal to previous value")]
    : [];
}

function validateGates(now: PodSpec, before: PodSpec): FieldError[] {
  const known = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  return (now.schedulingGates ?? []).flatMap(({ name }, index) =>
    known.has(name)
      ? []
      : [
          forbidden(
            `spec.schedulingGates[${index}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

function validateTolerations(
  next: readonly Toleration[],
  previous: readonly Toleration[],
): FieldError[] {
  const kept = previous.every((old) => next.some((one) => sameButSeconds(one, old)));
  return kept
    ? []
    : [
        forbidden(
          "spec.tolerations",
          "existing toleration can not be modified except its tolerationSeconds",
        ),
      ];
}

/** A gated pod has no node yet: which ones it takes can still be narrowed, not widened. */
function validateNarrowing(now: PodSpec, before: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const kept = Object.entries(before.nodeSelector ?? {});
  if (kept.some(([key, value]) => now.nodeSelector?.[key] !== value)) {
    const detail = "only additions are allowed (no mutations or deletions)";
    errors.push(invalid("spec.nodeSelector", now.nodeSelector, detail));
  }
  const field =
    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  const terms = termsOf(before);
  const next = termsOf(now);
  if (terms === undefined) return errors;
  if (next === undefined || next.length !== terms.length) {
    const detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
    errors.push(invalid(field, next, detail));
    return errors;
  }
  for (const [index, term] of terms.entries())
    if (!extendsTerm(next[index] ?? {}, term)) {
      const detail = "only additions are allowed (no mutations or deletions)";
      errors.push(invalid(`${field}[${index}]`, next[index], detail));
    }
  return errors;
}

const termsOf = ({ affinity }: PodSpec): readonly NodeSelectorTerm[] | undefined =>
  affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;

/** What the term had comes first and is the same; a term without anything matches nothing and stays so. */
function extendsTerm(next: NodeSelectorTerm, term: NodeSelectorTerm): boolean {
  const { matchExpressions: labels = [], matchFields: fields = [] } = term;
  if (labels.length + fields.length === 0) return deepEqual(next, term);
  return (
    deepEqual((next.matchExpressions ?? []).slice(0, labels.length), labels) &&
    deepEqual((next.matchFields ?? []).slice(0, fields.length), fields)
  );
}

function sameButSeconds(a: Toleration, b: Toleration): boolean {
  const { tolerationSeconds: _a, ...left } = a;
  const { tolerationSeconds: _b, ...right } = b;
  return deepEqual(left, right);
}

/** The new spec with everything that may change set back to what it was. */
function withoutChangeable(now: PodSpec, before: PodSpec): PodSpec {
  const next: PodSpec = { ...now, containers: withImagesOf(now.containers, before.containers) };
  if (now.initContainers !== undefined) {
    next.initContainers = withImagesOf(now.initContainers, before.initContainers ?? []);
  }
  carry(next, before, "activeDeadlineSeconds");
  carry(next, before, "tolerations");
  carry(next, before, "schedulingGates");
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && now.terminationGracePeriodSeconds === 1) {
    carry(next, before, "terminationGracePeriodSeconds");
  }
  if ((before.schedulingGates ?? []).length > 0) {
    carry(next, before, "nodeSelector");
    carryNodeAffinity(next, before);
  }
  return next;
}

function withImagesOf<T extends { image?: string }>(
  containers: readonly T[],
  previous: readonly T[],
): T[] {
  return containers.map((container, index) => {
    const image = previous[index]?.image;
    return image === undefined || image === "" ? container : { ...container, image };
  });
}

function carry<K extends keyof PodSpec>(spec: PodSpec, from: PodSpec, field: K): void {
  if (from[field] === undefined) delete spec[field];
  else spec[field] = from[field];
}

function carryNodeAffinity(spec: PodSpec, from: PodSpec): void {
  const { nodeAffinity: _, ...affinity } = spec.affinity ?? {};
  const former = from.affinity?.nodeAffinity;
  const next = former === undefined ? affinity : { ...affinity, nodeAffinity: former };
  if (Object.keys(next).length === 0 && from.affinity === undefined) delete spec.affinity;
  else spec.affinity = next;
}

/** Paths of the smallest parts that differ. */
function changedPaths(a: unknown, b: unknown, path: string): string[] {
  if (deepEqual(a, b)) return [];
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) {
    return a.flatMap((item, index) => changedPaths(item, b[index], `${path}[${index}]`));
  }
  if (!isObject(a) || !isObject(b)) return [path];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => changedPaths(a[key], b[key], `${path}.${key}`));
}
