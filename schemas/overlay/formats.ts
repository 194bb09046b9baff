/**
 * What TypeScript's `number` and `string` do not tell apart. Numbers are 32-bit integers unless a
 * row here says otherwise; the widths are those of the Go types.
 */
import type { ByModule } from "./by-module.ts";

/** Integers of 64 bits. */
export const int64: ByModule<readonly string[]> = {
  "apiextensions/v1": {
    CustomResourceDefinitionCondition: ["observedGeneration"],
    CustomResourceDefinitionStatus: ["observedGeneration"],
    JSONSchemaProps: [
      "maxItems",
      "maxLength",
      "maxProperties",
      "minItems",
      "minLength",
      "minProperties",
    ],
  },
  "apiserverinternal/v1alpha1": { StorageVersionCondition: ["observedGeneration"] },
  "apps/v1": {
    ControllerRevision: ["revision"],
    DaemonSetStatus: ["observedGeneration"],
    DeploymentStatus: ["observedGeneration"],
    ReplicaSetStatus: ["observedGeneration"],
    StatefulSetStatus: ["observedGeneration"],
  },
  "admissionregistration/v1": { ValidatingAdmissionPolicyStatus: ["observedGeneration"] },
  "admissionregistration/v1alpha1": { ValidatingAdmissionPolicyStatus: ["observedGeneration"] },
  "admissionregistration/v1beta1": { ValidatingAdmissionPolicyStatus: ["observedGeneration"] },
  "authentication/v1": {
    TokenRequestSpec: ["expirationSeconds"],
  },
  "autoscaling/v1": { HorizontalPodAutoscalerStatus: ["observedGeneration"] },
  "autoscaling/v2": { HorizontalPodAutoscalerStatus: ["observedGeneration"] },
  "batch/v1": {
    CronJobSpec: ["startingDeadlineSeconds"],
    JobSpec: ["activeDeadlineSeconds"],
  },
  "core/v1": {
    LinuxContainerUser: ["gid", "supplementalGroups", "uid"],
    NodeSwapStatus: ["capacity"],
    PodCondition: ["observedGeneration"],
    PodSecurityContext: ["fsGroup", "runAsGroup", "runAsUser", "supplementalGroups"],
    PodSpec: ["activeDeadlineSeconds", "terminationGracePeriodSeconds"],
    PodStatus: ["observedGeneration"],
    Probe: ["terminationGracePeriodSeconds"],
    ReplicationControllerStatus: ["observedGeneration"],
    SecurityContext: ["runAsGroup", "runAsUser"],
    ServiceAccountTokenProjection: ["expirationSeconds"],
    SleepAction: ["seconds"],
    Toleration: ["tolerationSeconds"],
    ContainerImage: ["sizeBytes"],
  },
  "meta/v1": {
    Condition: ["observedGeneration"],
    DeleteOptions: ["gracePeriodSeconds"],
    ListMeta: ["remainingItemCount"],
    ObjectMeta: ["deletionGracePeriodSeconds", "generation"],
  },
  "policy/v1": { PodDisruptionBudgetStatus: ["observedGeneration"] },
  "resource/v1": {
    DeviceAttribute: ["int", "ints"],
    DeviceSubRequest: ["count"],
    DeviceToleration: ["tolerationSeconds"],
    ExactDeviceRequest: ["count"],
    ResourcePool: ["generation", "resourceSliceCount"],
  },
  "resource/v1alpha2": {
    NamedResourcesAttribute: ["int"],
    NamedResourcesIntSlice: ["ints"],
  },
  "storage/v1": {
    CSIDriverSpec: ["nodeAllocatableUpdatePeriodSeconds"],
    TokenRequest: ["expirationSeconds"],
  },
};

/** Floating-point numbers. */
export const double: ByModule<readonly string[]> = {
  "apiextensions/v1": { JSONSchemaProps: ["maximum", "minimum", "multipleOf"] },
};

/** Bytes, written in base64; maps hold them as values. */
export const byte: ByModule<readonly string[]> = {
  "admissionregistration/v1": { WebhookClientConfig: ["caBundle"] },
  "apiextensions/v1": { WebhookClientConfig: ["caBundle"] },
  "apiregistration/v1": { APIServiceSpec: ["caBundle"] },
  "certificates/v1": {
    CertificateSigningRequestSpec: ["request"],
    CertificateSigningRequestStatus: ["certificate"],
  },
  "core/v1": { ConfigMap: ["binaryData"], Secret: ["data"] },
};
