/** What a write to a pod's status may say. */
import type { ContainerStatus } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily } from "../../ip-address.ts";
import { dns1123Subdomain } from "../../names.ts";
import { forbidden, invalid, isBlank, named } from "../field-problems.ts";
import { restartsAfter } from "../pod-spec/container-restart.ts";
import type { Pod } from "./pod-object.ts";

/** What upstream writes for a container whose end nobody saw. */
const UNKNOWN_EXIT_CODE = 137;

export function validatePodStatusUpdate(next: Pod, previous: Pod): FieldError[] {
  const { status } = next;
  if (status === undefined) return [];
  const nominated = status.nominatedNodeName;
  const qos = previous.status?.qosClass;
  const errors = isBlank(nominated)
    ? []
    : named("status.nominatedNodeName", nominated, dns1123Subdomain);
  if (qos !== undefined && status.qosClass !== undefined && status.qosClass !== qos) {
    errors.push(invalid("status.qosClass", status.qosClass, "is fixed when the pod is created"));
  }
  for (const [index, { ip }] of (status.podIPs ?? []).entries()) {
    if (isBlank(ip) || ipFamily(ip) === undefined) {
      errors.push(invalid(`status.podIPs[${index}].ip`, ip, "must be a valid IP address"));
    }
  }
  return [...errors, ...validateTransitions(next, previous)];
}

/** A container that ended for good does not run again. */
function validateTransitions(next: Pod, previous: Pod): FieldError[] {
  const policy = next.spec?.restartPolicy ?? "Always";
  const { initContainers = [], containers = [] } = next.spec ?? {};
  const specs = new Map([...initContainers, ...containers].map((one) => [one.name, one]));
  const mayRestart = ({ name, state }: ContainerStatus): boolean =>
    restartsAfter(specs.get(name) ?? {}, policy, state?.terminated?.exitCode ?? UNKNOWN_EXIT_CODE);
  return (["containerStatuses", "initContainerStatuses"] as const).flatMap((list) => {
    const before = new Map((previous.status?.[list] ?? []).map((one) => [one.name, one]));
    return (next.status?.[list] ?? []).flatMap((status, index) => {
      const former = before.get(status.name);
      if (former?.state?.terminated === undefined || mayRestart(former)) return [];
      return status.state?.terminated === undefined
        ? [
            forbidden(
              `status.${list}[${index}].state`,
              "may not be transitioned to non-terminated state",
            ),
          ]
        : [];
    });
  });
}
