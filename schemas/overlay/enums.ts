/**
 * Values that upstream's validation (pkg/apis/GROUP/validation) accepts and its OpenAPI document
 * does not tell. Lists of them apply to each item. "" is listed where Go's zero value is accepted.
 */
import type { ByModule } from "./by-module.ts";

type Row = Readonly<Record<string, readonly string[]>>;

const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const ACCESS_MODES = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];
const VOLUME_MODES = ["Block", "Filesystem"];
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"];
const STATUSES = ["True", "False", "Unknown"];
const SELECTOR_OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];
const INCLUSION_POLICIES = ["Honor", "Ignore"];
const ADDRESS_FAMILIES = ["IPv4", "IPv6"];
const OPERATIONS = ["*", "CREATE", "UPDATE", "DELETE", "CONNECT"];
const SCOPES = ["*", "Cluster", "Namespaced"];
const POLICY_TYPES = ["Ingress", "Egress"];

const container: Row = {
  imagePullPolicy: PULL_POLICIES,
  restartPolicy: ["Always", "Never", "OnFailure"],
  terminationMessagePolicy: ["File", "FallbackToLogsOnError"],
};
const webhook: Row = {
  failurePolicy: ["Fail", "Ignore"],
  matchPolicy: ["Equivalent", "Exact"],
  sideEffects: ["None", "NoneOnDryRun"],
};
const rule: Row = { operations: OPERATIONS, scope: SCOPES };

export const enums: ByModule<Row> = {
  "admissionregistration/v1": {
    MatchResources: { matchPolicy: ["Equivalent", "Exact"] },
    MutatingWebhook: { ...webhook, reinvocationPolicy: ["IfNeeded", "Never"] },
    NamedRuleWithOperations: rule,
    RuleWithOperations: rule,
    ValidatingAdmissionPolicyBindingSpec: { validationActions: ["Audit", "Deny", "Warn"] },
    ValidatingAdmissionPolicySpec: { failurePolicy: ["Fail", "Ignore"] },
    MutatingAdmissionPolicySpec: {
      failurePolicy: ["Fail", "Ignore"],
      reinvocationPolicy: ["IfNeeded", "Never"],
    },
    ValidatingWebhook: webhook,
  },
  "apiextensions/v1": {
    CustomResourceConversion: { strategy: ["None", "Webhook"] },
    CustomResourceDefinitionSpec: { scope: ["Cluster", "Namespaced"] },
    JSONSchemaProps: {
      "x-kubernetes-list-type": ["atomic", "map", "set"],
      "x-kubernetes-map-type": ["atomic", "granular"],
    },
  },
  "apps/v1": {
    DaemonSetUpdateStrategy: { type: ["OnDelete", "RollingUpdate"] },
    DeploymentStrategy: { type: ["Recreate", "RollingUpdate"] },
    StatefulSetPersistentVolumeClaimRetentionPolicy: {
      whenDeleted: ["Delete", "Retain"],
      whenScaled: ["Delete", "Retain"],
    },
    StatefulSetSpec: { podManagementPolicy: ["OrderedReady", "Parallel"] },
    StatefulSetUpdateStrategy: { type: ["OnDelete", "RollingUpdate"] },
  },
  "autoscaling/v2": {
    HPAScalingPolicy: { type: ["Percent", "Pods"] },
    HPAScalingRules: { selectPolicy: ["Disabled", "Max", "Min"] },
    MetricSpec: { type: ["ContainerResource", "External", "Object", "Pods", "Resource"] },
    MetricTarget: { type: ["AverageValue", "Utilization", "Value"] },
  },
  "batch/v1": {
    CronJobSpec: { concurrencyPolicy: ["Allow", "Forbid", "Replace"] },
    JobSpec: {
      completionMode: ["Indexed", "NonIndexed"],
      podReplacementPolicy: ["Failed", "TerminatingOrFailed"],
    },
    PodFailurePolicyOnExitCodesRequirement: { operator: ["In", "NotIn"] },
    PodFailurePolicyOnPodConditionsPattern: { status: STATUSES },
    PodFailurePolicyRule: { action: ["Count", "FailIndex", "FailJob", "Ignore"] },
  },
  "core/v1": {
    AzureDiskVolumeSource: {
      cachingMode: ["None", "ReadOnly", "ReadWrite"],
      kind: ["Dedicated", "Managed", "Shared"],
    },
    Container: container,
    ContainerPort: { protocol: PROTOCOLS },
    ContainerRestartRule: { action: ["Restart", "RestartAllContainers"] },
    ContainerRestartRuleOnExitCodes: { operator: ["In", "NotIn"] },
    EndpointPort: { protocol: PROTOCOLS },
    EphemeralContainer: container,
    HTTPGetAction: { scheme: ["HTTP", "HTTPS"] },
    HostPathVolumeSource: {
      type: [
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
      ],
    },
    ImageVolumeSource: { pullPolicy: PULL_POLICIES },
    NodeSelectorRequirement: { operator: [...SELECTOR_OPERATORS, "Gt", "Lt"] },
    PersistentVolumeClaimSpec: { accessModes: ACCESS_MODES, volumeMode: VOLUME_MODES },
    PersistentVolumeSpec: {
      accessModes: ACCESS_MODES,
      persistentVolumeReclaimPolicy: ["Delete", "Recycle", "Retain"],
      volumeMode: VOLUME_MODES,
    },
    PodOS: { name: ["linux", "windows"] },
    PodSecurityContext: {
      fsGroupChangePolicy: ["Always", "OnRootMismatch"],
      seLinuxChangePolicy: ["MountOption", "Recursive"],
      supplementalGroupsPolicy: ["Merge", "Strict"],
    },
    PodSpec: {
      dnsPolicy: ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
      preemptionPolicy: ["Never", "PreemptLowerPriority"],
      restartPolicy: ["Always", "Never", "OnFailure"],
    },
    ResourceQuotaSpec: {
      scopes: [
        "BestEffort",
        "CrossNamespacePodAffinity",
        "NotBestEffort",
        "NotTerminating",
        "PriorityClass",
        "Terminating",
        "VolumeAttributesClass",
      ],
    },
    ScopedResourceSelectorRequirement: { operator: SELECTOR_OPERATORS },
    SeccompProfile: { type: ["Localhost", "RuntimeDefault", "Unconfined"] },
    AppArmorProfile: { type: ["Localhost", "RuntimeDefault", "Unconfined"] },
    SecurityContext: { procMount: ["Default", "Unmasked"] },
    ServicePort: { protocol: PROTOCOLS },
    ServiceSpec: {
      externalTrafficPolicy: ["Cluster", "Local"],
      internalTrafficPolicy: ["Cluster", "Local"],
      ipFamilies: ADDRESS_FAMILIES,
      ipFamilyPolicy: ["PreferDualStack", "RequireDualStack", "SingleStack"],
      sessionAffinity: ["ClientIP", "None"],
      trafficDistribution: ["PreferClose", "PreferSameNode", "PreferSameZone"],
      type: ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
    },
    Taint: { effect: ["NoExecute", "NoSchedule", "PreferNoSchedule"] },
    Toleration: {
      effect: ["", "NoExecute", "NoSchedule", "PreferNoSchedule"],
      operator: ["", "Equal", "Exists", "Gt", "Lt"],
    },
    TopologySpreadConstraint: {
      nodeAffinityPolicy: INCLUSION_POLICIES,
      nodeTaintsPolicy: INCLUSION_POLICIES,
      whenUnsatisfiable: ["DoNotSchedule", "ScheduleAnyway"],
    },
    VolumeMount: {
      mountPropagation: ["Bidirectional", "HostToContainer", "None"],
      recursiveReadOnly: ["Disabled", "Enabled", "IfPossible"],
    },
  },
  "discovery/v1": {
    EndpointPort: { protocol: PROTOCOLS },
    EndpointSlice: { addressType: ["FQDN", "IPv4", "IPv6"] },
  },
  "meta/v1": {
    Condition: { status: STATUSES },
    LabelSelectorRequirement: { operator: SELECTOR_OPERATORS },
  },
  "networking/v1": {
    HTTPIngressPath: { pathType: ["Exact", "ImplementationSpecific", "Prefix"] },
    IngressClassParametersReference: { scope: ["Cluster", "Namespace"] },
    NetworkPolicyPort: { protocol: PROTOCOLS },
    NetworkPolicySpec: { policyTypes: POLICY_TYPES },
  },
  "policy/v1": {
    PodDisruptionBudgetSpec: { unhealthyPodEvictionPolicy: ["AlwaysAllow", "IfHealthyBudget"] },
  },
  "rbac/v1": { Subject: { kind: ["Group", "ServiceAccount", "User"] } },
  "scheduling/v1": { PriorityClass: { preemptionPolicy: ["Never", "PreemptLowerPriority"] } },
  "storage/v1": {
    CSIDriverSpec: {
      fsGroupPolicy: ["File", "None", "ReadWriteOnceWithFSType"],
      volumeLifecycleModes: ["Ephemeral", "Persistent"],
    },
    StorageClass: {
      reclaimPolicy: ["Delete", "Retain"],
      volumeBindingMode: ["Immediate", "WaitForFirstConsumer"],
    },
  },
};
