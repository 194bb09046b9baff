/**
 * How lists are merged: by server-side apply (`listType`, `listMapKey` markers) and by strategic
 * merge patch (`patchMergeKey`, `patchStrategy` tags). The two differ in places, hence one row
 * holds both: `map(name) merge(name)` reads "a map keyed by name; merged by name".
 *
 * Lists without a row are atomic, but for `items` of list kinds and the lists under `unmarked`.
 */
import type { ByModule } from "./by-module.ts";

/** Field → `[set | map(KEYS)] [STRATEGY[(MERGE KEY)]] [duplicates]`. */
type Rows = Readonly<Record<string, string>>;

/** Conditions of most kinds. */
const conditions: Rows = { conditions: "map(type) merge(type) duplicates" };
/** Conditions of newer kinds, which say nothing for strategic merge. */
const conditionsOfApply: Rows = { conditions: "map(type) duplicates" };

const container: Rows = {
  env: "map(name) merge(name) duplicates",
  ports: "map(containerPort,protocol) merge(containerPort) duplicates",
  volumeDevices: "map(devicePath) merge(devicePath)",
  volumeMounts: "map(mountPath) merge(mountPath)",
};
const webhooks: Rows = { webhooks: "map(name) merge(name)" };
const matchConditions: Rows = { matchConditions: "map(name) merge(name)" };
const policySpec: Rows = { ...matchConditions, variables: "map(name) merge(name)" };

/** Which requests a flow schema is for. */
const requests: Readonly<Record<string, Rows>> = {
  NonResourcePolicyRule: { nonResourceURLs: "set", verbs: "set" },
  ResourcePolicyRule: { apiGroups: "set", namespaces: "set", resources: "set", verbs: "set" },
};

export const lists: ByModule<Rows> = {
  "admissionregistration/v1": {
    MutatingWebhook: matchConditions,
    MutatingWebhookConfiguration: webhooks,
    ValidatingWebhook: matchConditions,
    ValidatingWebhookConfiguration: webhooks,
    MutatingAdmissionPolicySpec: matchConditions,
    ValidatingAdmissionPolicySpec: policySpec,
    ValidatingAdmissionPolicyBindingSpec: { validationActions: "set" },
    ValidatingAdmissionPolicyStatus: conditionsOfApply,
  },
  "admissionregistration/v1alpha1": {
    ValidatingAdmissionPolicySpec: policySpec,
    ValidatingAdmissionPolicyBindingSpec: { validationActions: "set" },
    ValidatingAdmissionPolicyStatus: conditionsOfApply,
  },
  "admissionregistration/v1beta1": {
    ValidatingAdmissionPolicySpec: policySpec,
    ValidatingAdmissionPolicyBindingSpec: { validationActions: "set" },
    ValidatingAdmissionPolicyStatus: conditionsOfApply,
  },
  "apiextensions/v1": {
    CustomResourceDefinitionStatus: conditionsOfApply,
    JSONSchemaProps: { "x-kubernetes-validations": "map(rule) merge(rule)" },
  },
  "apiregistration/v1": { APIServiceStatus: conditions },
  "apiserverinternal/v1alpha1": {
    ServerStorageVersion: { decodableVersions: "set", servedVersions: "set" },
    StorageVersionStatus: { ...conditionsOfApply, storageVersions: "map(apiServerID)" },
  },
  "apps/v1": {
    DaemonSetStatus: conditions,
    DeploymentStatus: conditions,
    ReplicaSetStatus: conditions,
    StatefulSetStatus: conditions,
  },
  "autoscaling/v2": { HorizontalPodAutoscalerStatus: conditions },
  "batch/v1": {
    // Atomic for apply, because a Job's two Failed conditions may differ in reason only.
    JobStatus: { conditions: "atomic merge(type)" },
    PodFailurePolicyOnExitCodesRequirement: { values: "set" },
    UncountedTerminatedPods: { failed: "set", succeeded: "set" },
  },
  "certificates/v1": { CertificateSigningRequestStatus: conditionsOfApply },
  "core/v1": {
    ComponentStatus: conditions,
    Container: container,
    ContainerRestartRuleOnExitCodes: { values: "set" },
    ContainerStatus: {
      allocatedResourcesStatus: "map(name) merge(name)",
      volumeMounts: "map(mountPath) merge(mountPath) duplicates",
    },
    EphemeralContainer: container,
    NamespaceStatus: conditions,
    NodeAllocatableResourceClaimStatus: { containers: "set" },
    NodeSpec: { podCIDRs: "set merge" },
    NodeStatus: { ...conditions, addresses: "map(type) merge(type) duplicates" },
    PersistentVolumeClaimStatus: conditions,
    PodSpec: {
      containers: "map(name) merge(name)",
      ephemeralContainers: "map(name) merge(name)",
      hostAliases: "map(ip) merge(ip) duplicates",
      imagePullSecrets: "map(name) merge(name) duplicates",
      initContainers: "map(name) merge(name)",
      resourceClaims: "map(name) merge,retainKeys(name)",
      schedulingGates: "map(name) merge(name)",
      topologySpreadConstraints: "map(topologyKey,whenUnsatisfiable) merge(topologyKey)",
      volumes: "map(name) merge,retainKeys(name)",
    },
    PodStatus: {
      ...conditions,
      hostIPs: "atomic merge(ip)",
      podIPs: "map(ip) merge(ip) duplicates",
      resourceClaimStatuses: "map(name) merge,retainKeys(name) duplicates",
    },
    ReplicationControllerStatus: conditions,
    ResourceRequirements: { claims: "map(name)" },
    ResourceStatus: { resources: "map(resourceID) duplicates" },
    ServiceAccount: { secrets: "map(name) merge(name) duplicates" },
    ServiceSpec: { ports: "map(port,protocol) merge(port)" },
    ServiceStatus: conditions,
  },
  "discovery/v1": { Endpoint: { addresses: "set" } },
  "flowcontrol/v1": {
    ...requests,
    FlowSchemaStatus: conditions,
    PriorityLevelConfigurationStatus: conditions,
  },
  "flowcontrol/v1beta3": {
    ...requests,
    FlowSchemaStatus: conditions,
    PriorityLevelConfigurationStatus: conditions,
  },
  "meta/v1": {
    ObjectMeta: {
      finalizers: "set merge duplicates",
      ownerReferences: "map(uid) merge(uid) duplicates",
    },
  },
  "networking/v1": { ServiceCIDRStatus: conditions },
  "networking/v1alpha1": { ServiceCIDRStatus: conditions },
  "policy/v1": { PodDisruptionBudgetStatus: conditions },
  "resource/v1": {
    AllocatedDeviceStatus: conditionsOfApply,
    ResourceClaimStatus: {
      devices: "map(driver,device,pool,shareID)",
      reservedFor: "map(uid) merge(uid)",
    },
  },
  "storage/v1": {
    CSIDriverSpec: { volumeLifecycleModes: "set" },
    CSINodeSpec: { drivers: "map(name) merge(name)" },
  },
  "storagemigration/v1alpha1": { StorageVersionMigrationStatus: conditions },
};

/** Strategies of fields that are not lists. */
export const objectStrategies: ByModule<Readonly<Record<string, string>>> = {
  // A union: a change of `type` must clear the other member's settings.
  "apps/v1": { DeploymentSpec: { strategy: "retainKeys" } },
  "policy/v1": { PodDisruptionBudgetSpec: { selector: "replace" } },
};

/** Lists that upstream marks with nothing, beside `items` of list kinds. */
export const unmarked: ByModule<readonly string[]> = { "meta/v1": { APIResource: ["verbs"] } };
