/** What pods take of their node. */
import { fieldOf, type PodSpecPlace } from "./pod-specs.ts";
import { podRule, type ScanProblem, type ScanRule } from "./scan-rule.ts";

const shared = (field: string, what: string) => {
  return ({ spec, path }: PodSpecPlace): ScanProblem[] =>
    fieldOf(spec, field) === true ? [{ message: what, path: `${path}.${field}` }] : [];
};

export const podRules: readonly ScanRule[] = [
  podRule(
    { id: "host-network", severity: "warning", advice: "Remove hostNetwork, and use a Service" },
    shared("hostNetwork", "the pod shares the network of the node"),
  ),
  podRule(
    { id: "host-pid", severity: "warning", advice: "Remove hostPID" },
    shared("hostPID", "the pod sees every process of the node"),
  ),
  podRule(
    { id: "host-ipc", severity: "warning", advice: "Remove hostIPC" },
    shared("hostIPC", "the pod shares the memory of processes of the node"),
  ),
  podRule(
    {
      id: "host-path",
      severity: "warning",
      advice: "Use a PersistentVolumeClaim, a ConfigMap or an emptyDir",
    },
    ({ spec, path }) => {
      const volumes = fieldOf(spec, "volumes");
      const list: readonly unknown[] = Array.isArray(volumes) ? volumes : [];
      return list.flatMap((volume, index) =>
        fieldOf(volume, "hostPath") === undefined
          ? []
          : [
              {
                message: "the pod mounts a directory of the node",
                path: `${path}.volumes[${index}].hostPath`,
              },
            ],
      );
    },
  ),
  podRule(
    {
      id: "default-token",
      severity: "info",
      advice:
        "Set automountServiceAccountToken to false, or give the pod a ServiceAccount of its own",
    },
    ({ spec, path }) => {
      const account = fieldOf(spec, "serviceAccountName") ?? fieldOf(spec, "serviceAccount");
      const isDefault = account === undefined || account === "" || account === "default";
      if (!isDefault || fieldOf(spec, "automountServiceAccountToken") === false) return [];
      return [{ message: "the pod holds a token of the default service account", path }];
    },
  ),
];
