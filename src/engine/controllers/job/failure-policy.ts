/** What `spec.podFailurePolicy` says about a failed pod: the first rule that matches decides. */
import type { PodFailurePolicy, PodFailurePolicyRule } from "kubernetes-types/batch/v1";
import type { ContainerStatus } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";

export type FailureAction = "Count" | "FailIndex" | "FailJob" | "Ignore";

export interface FailureVerdict {
  readonly action: FailureAction;
  /** For the condition of a Job that fails. */
  readonly message: string;
}

const COUNT: FailureVerdict = { action: "Count", message: "" };

export function failureVerdict(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  // How a pod ended is known once it has ended.
  if (policy === undefined || pod.status?.phase !== "Failed") return COUNT;
  for (const [at, rule] of policy.rules.entries()) {
    const why = matches(rule, pod);
    if (why !== undefined)
      return {
        action: rule.action as FailureAction,
        message: `${why} matching ${rule.action} rule at index ${at}`,
      };
  }
  return COUNT;
}

function matches(
  { onExitCodes, onPodConditions }: PodFailurePolicyRule,
  pod: Pod,
): string | undefined {
  const where = `${pod.metadata.namespace ?? ""}/${pod.metadata.name}`;
  if (onExitCodes !== undefined) {
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
    for (const { name, state } of [
      ...containerStatuses,
      ...initContainerStatuses,
    ] as ContainerStatus[]) {
      const code = state?.terminated?.exitCode;
      if (code === undefined || code === 0) continue;
      if (onExitCodes.containerName !== undefined && onExitCodes.containerName !== name) continue;
      const isIn = onExitCodes.values.includes(code);
      if (isIn === (onExitCodes.operator === "In"))
        return `Container ${name} for pod ${where} failed with exit code ${code}`;
    }
    return undefined;
  }
  for (const { type, status = "True" } of onPodConditions ?? []) {
    const found = (pod.status?.conditions ?? []).some(
      (condition) => condition.type === type && condition.status === status,
    );
    if (found) return `Pod ${where} has condition ${type}`;
  }
  return undefined;
}
