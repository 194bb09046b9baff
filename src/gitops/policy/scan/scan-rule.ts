/** A rule of the built-in scanner: data, and a function from an object to what breaks it. */
import type { Severity } from "../../check/finding.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { ContainerPlace, PodSpecPlace } from "./pod-specs.ts";

export interface ScanProblem {
  readonly message: string;
  readonly path: string;
}

export interface ScanRule {
  /** `privileged`; as a rule of findings `scan/privileged`. */
  readonly id: string;
  readonly severity: Severity;
  /** What to do, as a sentence. */
  readonly advice: string;
  /** What it finds must not be shown. */
  readonly hidesValue?: boolean;
  readonly check: (object: KubeObject, places: readonly PodSpecPlace[]) => ScanProblem[];
}

/** A rule about each container. */
export function containerRule(
  rule: Omit<ScanRule, "check">,
  check: (place: ContainerPlace, pod: PodSpecPlace) => ScanProblem | undefined,
): ScanRule {
  return {
    ...rule,
    check: (_, places) =>
      places.flatMap((pod) =>
        pod.containers.flatMap((place) => {
          const problem = check(place, pod);
          return problem === undefined
            ? []
            : [{ ...problem, message: `container ${place.name}: ${problem.message}` }];
        }),
      ),
  };
}

/** A rule about each pod. */
export function podRule(
  rule: Omit<ScanRule, "check">,
  check: (pod: PodSpecPlace, object: KubeObject) => ScanProblem[],
): ScanRule {
  return { ...rule, check: (object, places) => places.flatMap((pod) => check(pod, object)) };
}
