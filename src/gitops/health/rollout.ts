import type { KubeObject } from "../../kube/object.ts";
import {
  conditionOf,
  degraded,
  type Health,
  HEALTHY,
  progressing,
  type StatusCondition,
  suspended,
} from "./health.ts";

/** `argoproj.io/v1alpha1` Rollout, as much of it as tells its health. */
interface Rollout extends KubeObject {
  readonly spec?: { readonly paused?: boolean };
  readonly status?: {
    readonly phase?: string;
    readonly message?: string;
    /** Text: a hash in old versions, the generation since. */
    readonly observedGeneration?: string | number;
    readonly conditions?: readonly StatusCondition[];
  };
}

export function rolloutHealth({ metadata, spec, status }: Rollout): Health {
  const observed = Number(status?.observedGeneration ?? 0);
  if (Number.isInteger(observed) && (metadata.generation ?? 0) > observed)
    return progressing("waiting for the controller to see the new spec");
  const invalid = conditionOf(status?.conditions, "InvalidSpec");
  if (invalid?.status === "True") return degraded(invalid.message ?? "the spec is invalid");
  const message = status?.message;
  switch (status?.phase) {
    case "Healthy":
      return HEALTHY;
    case "Degraded":
      return degraded(message ?? "the rollout is degraded");
    case "Paused":
      return suspended(message ?? "the rollout is paused");
    default:
      if (spec?.paused === true) return suspended("the rollout is paused");
      return progressing(message ?? "the rollout is progressing");
  }
}
