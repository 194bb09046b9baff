/**
 * Which built-in API versions came and went with which Kubernetes release, as published in the
 * deprecation guide (kubernetes.io/docs/reference/using-api/deprecation-guide).
 */

interface Retirement {
  readonly apiVersion: string;
  /** Empty for every kind of the apiVersion. */
  readonly kinds: readonly string[];
  readonly deprecated: string;
  readonly removed: string;
  readonly replacement: string;
}

const WORKLOADS = ["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "ControllerRevision"];
const RBAC = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
const WEBHOOKS = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const FLOW = ["FlowSchema", "PriorityLevelConfiguration"];

const RETIREMENTS: readonly Retirement[] = [
  retired("extensions/v1beta1", WORKLOADS, "1.9", "1.16", "apps/v1"),
  retired("extensions/v1beta1", ["NetworkPolicy"], "1.9", "1.16", "networking.k8s.io/v1"),
  retired("extensions/v1beta1", ["PodSecurityPolicy"], "1.10", "1.16", "Pod Security Admission"),
  retired("extensions/v1beta1", ["Ingress"], "1.14", "1.22", "networking.k8s.io/v1"),
  retired("apps/v1beta1", WORKLOADS, "1.9", "1.16", "apps/v1"),
  retired("apps/v1beta2", WORKLOADS, "1.9", "1.16", "apps/v1"),
  retired(
    "admissionregistration.k8s.io/v1beta1",
    WEBHOOKS,
    "1.16",
    "1.22",
    "admissionregistration.k8s.io/v1",
  ),
  retired("apiextensions.k8s.io/v1beta1", [], "1.16", "1.22", "apiextensions.k8s.io/v1"),
  retired("apiregistration.k8s.io/v1beta1", [], "1.19", "1.22", "apiregistration.k8s.io/v1"),
  retired(
    "authentication.k8s.io/v1beta1",
    ["TokenReview"],
    "1.19",
    "1.22",
    "authentication.k8s.io/v1",
  ),
  retired("authorization.k8s.io/v1beta1", [], "1.19", "1.22", "authorization.k8s.io/v1"),
  retired("certificates.k8s.io/v1beta1", [], "1.19", "1.22", "certificates.k8s.io/v1"),
  retired("coordination.k8s.io/v1beta1", [], "1.19", "1.22", "coordination.k8s.io/v1"),
  retired(
    "networking.k8s.io/v1beta1",
    ["Ingress", "IngressClass"],
    "1.19",
    "1.22",
    "networking.k8s.io/v1",
  ),
  retired(
    "rbac.authorization.k8s.io/v1beta1",
    RBAC,
    "1.17",
    "1.22",
    "rbac.authorization.k8s.io/v1",
  ),
  retired(
    "rbac.authorization.k8s.io/v1alpha1",
    RBAC,
    "1.17",
    "1.22",
    "rbac.authorization.k8s.io/v1",
  ),
  retired("scheduling.k8s.io/v1beta1", [], "1.14", "1.22", "scheduling.k8s.io/v1"),
  retired(
    "storage.k8s.io/v1beta1",
    ["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
    "1.19",
    "1.22",
    "storage.k8s.io/v1",
  ),
  retired("storage.k8s.io/v1beta1", ["CSIStorageCapacity"], "1.24", "1.27", "storage.k8s.io/v1"),
  retired("batch/v1beta1", ["CronJob"], "1.21", "1.25", "batch/v1"),
  retired("discovery.k8s.io/v1beta1", ["EndpointSlice"], "1.21", "1.25", "discovery.k8s.io/v1"),
  retired("events.k8s.io/v1beta1", ["Event"], "1.19", "1.25", "events.k8s.io/v1"),
  retired("autoscaling/v2beta1", ["HorizontalPodAutoscaler"], "1.23", "1.25", "autoscaling/v2"),
  retired("autoscaling/v2beta2", ["HorizontalPodAutoscaler"], "1.23", "1.26", "autoscaling/v2"),
  retired("policy/v1beta1", ["PodDisruptionBudget"], "1.21", "1.25", "policy/v1"),
  retired("policy/v1beta1", ["PodSecurityPolicy"], "1.21", "1.25", "Pod Security Admission"),
  retired("node.k8s.io/v1beta1", ["RuntimeClass"], "1.22", "1.25", "node.k8s.io/v1"),
  retired(
    "flowcontrol.apiserver.k8s.io/v1beta1",
    FLOW,
    "1.23",
    "1.26",
    "flowcontrol.apiserver.k8s.io/v1",
  ),
  retired(
    "flowcontrol.apiserver.k8s.io/v1beta2",
    FLOW,
    "1.26",
    "1.29",
    "flowcontrol.apiserver.k8s.io/v1",
  ),
  retired(
    "flowcontrol.apiserver.k8s.io/v1beta3",
    FLOW,
    "1.29",
    "1.32",
    "flowcontrol.apiserver.k8s.io/v1",
  ),
];

/** Releases that brought the versions of today, for checks against older clusters. */
const INTRODUCED: Readonly<Record<string, string>> = {
  "networking.k8s.io/v1 Ingress": "1.19",
  "networking.k8s.io/v1 IngressClass": "1.19",
  "batch/v1 CronJob": "1.21",
  "policy/v1 PodDisruptionBudget": "1.21",
  "discovery.k8s.io/v1 EndpointSlice": "1.21",
  "autoscaling/v2 HorizontalPodAutoscaler": "1.23",
  "storage.k8s.io/v1 CSIStorageCapacity": "1.24",
  "flowcontrol.apiserver.k8s.io/v1 FlowSchema": "1.29",
  "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration": "1.29",
  "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy": "1.30",
  "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding": "1.30",
  "networking.k8s.io/v1 ServiceCIDR": "1.33",
  "networking.k8s.io/v1 IPAddress": "1.33",
  "resource.k8s.io/v1 ResourceClaim": "1.34",
  "resource.k8s.io/v1 ResourceClaimTemplate": "1.34",
  "resource.k8s.io/v1 DeviceClass": "1.34",
};

/** What `gantry validate` assumes where no version is given: what the engine itself speaks. */
export const DEFAULT_KUBERNETES_VERSION = "1.35";

export type Lifecycle =
  | {
      readonly state: "removed" | "deprecated";
      readonly release: string;
      readonly replacement: string;
    }
  | { readonly state: "too-new"; readonly release: string };

/** Undefined when there is nothing to say about this kind in that release. */
export function lifecycleOf(
  apiVersion: string,
  kind: string,
  kubernetesVersion: string,
): Lifecycle | undefined {
  const retirement = RETIREMENTS.find(
    (entry) =>
      entry.apiVersion === apiVersion && (entry.kinds.length === 0 || entry.kinds.includes(kind)),
  );
  if (retirement !== undefined) {
    const { removed, deprecated, replacement } = retirement;
    if (isAtLeast(kubernetesVersion, removed))
      return { state: "removed", release: removed, replacement };
    if (isAtLeast(kubernetesVersion, deprecated))
      return { state: "deprecated", release: removed, replacement };
  }
  const introduced = INTRODUCED[`${apiVersion} ${kind}`];
  if (introduced !== undefined && !isAtLeast(kubernetesVersion, introduced))
    return { state: "too-new", release: introduced };
  return undefined;
}

/** Whether a text is a Kubernetes version: `1.35`, `v1.35.2`. */
export function isKubernetesVersion(text: string): boolean {
  return /^v?1\.\d{1,3}(\.\d{1,3})?([-+].*)?$/.test(text);
}

function isAtLeast(version: string, release: string): boolean {
  return minorOf(version) >= minorOf(release);
}

/** Everything so far is 1.x. */
function minorOf(version: string): number {
  return Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? Number.POSITIVE_INFINITY);
}

function retired(
  apiVersion: string,
  kinds: readonly string[],
  deprecated: string,
  removed: string,
  replacement: string,
): Retirement {
  return { apiVersion, kinds, deprecated, removed, replacement };
}
