/**
 * Defaults that upstream's versioned defaulting sets whatever else an object says
 * (pkg/apis/GROUP/VERSION/defaults.go and `+default` markers). They apply where the parent is
 * present; a parent that Go always has, being a plain struct, has `{}` as its own default when
 * something inside it has one. Defaults that depend on other fields belong to the kind's strategy.
 */
import type { Json } from "../../src/kube/object.ts";
import type { ByModule } from "./by-module.ts";

type Row = Readonly<Record<string, Json>>;

/** 0644. */
const FILE_MODE = 420;

const container: Row = {
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
};
const webhook: Row = {
  failurePolicy: "Fail",
  matchPolicy: "Equivalent",
  namespaceSelector: {},
  objectSelector: {},
  timeoutSeconds: 10,
};
const matchResources: Row = {
  matchPolicy: "Equivalent",
  namespaceSelector: {},
  objectSelector: {},
};
const iscsi: Row = { iscsiInterface: "default" };
const rbd: Row = { keyring: "/etc/ceph/keyring", pool: "rbd", user: "admin" };
const scaleIo: Row = { storageMode: "ThinProvisioned" };

export const defaults: ByModule<Row> = {
  "admissionregistration/v1": {
    MatchResources: matchResources,
    MutatingWebhook: { ...webhook, reinvocationPolicy: "Never" },
    NamedRuleWithOperations: { scope: "*" },
    RuleWithOperations: { scope: "*" },
    ServiceReference: { port: 443 },
    ValidatingAdmissionPolicySpec: { failurePolicy: "Fail" },
    MutatingAdmissionPolicySpec: { failurePolicy: "Fail" },
    ValidatingWebhook: webhook,
  },
  "apiextensions/v1": {
    CustomResourceDefinitionSpec: { conversion: { strategy: "None" } },
    ServiceReference: { port: 443 },
  },
  "apiregistration/v1": { ServiceReference: { port: 443 } },
  "apps/v1": {
    DaemonSetSpec: {
      revisionHistoryLimit: 10,
      updateStrategy: { type: "RollingUpdate", rollingUpdate: {} },
    },
    DaemonSetUpdateStrategy: { type: "RollingUpdate" },
    DeploymentSpec: {
      progressDeadlineSeconds: 600,
      replicas: 1,
      revisionHistoryLimit: 10,
      strategy: { type: "RollingUpdate", rollingUpdate: {} },
    },
    DeploymentStrategy: { type: "RollingUpdate" },
    ReplicaSetSpec: { replicas: 1 },
    RollingUpdateDaemonSet: { maxSurge: 0, maxUnavailable: 1 },
    RollingUpdateDeployment: { maxSurge: "25%", maxUnavailable: "25%" },
    RollingUpdateStatefulSetStrategy: { partition: 0 },
    StatefulSetPersistentVolumeClaimRetentionPolicy: {
      whenDeleted: "Retain",
      whenScaled: "Retain",
    },
    StatefulSetSpec: {
      persistentVolumeClaimRetentionPolicy: {},
      podManagementPolicy: "OrderedReady",
      replicas: 1,
      revisionHistoryLimit: 10,
      updateStrategy: { type: "RollingUpdate", rollingUpdate: {} },
    },
    StatefulSetUpdateStrategy: { type: "RollingUpdate" },
  },
  "authentication/v1": { TokenRequestSpec: { expirationSeconds: 3600 } },
  "autoscaling/v1": { HorizontalPodAutoscalerSpec: { minReplicas: 1 } },
  "autoscaling/v2": { HorizontalPodAutoscalerSpec: { minReplicas: 1 } },
  "batch/v1": {
    CronJobSpec: {
      concurrencyPolicy: "Allow",
      failedJobsHistoryLimit: 1,
      successfulJobsHistoryLimit: 3,
      suspend: false,
    },
    PodFailurePolicyOnPodConditionsPattern: { status: "True" },
  },
  "core/v1": {
    AzureDiskVolumeSource: {
      cachingMode: "ReadWrite",
      fsType: "ext4",
      kind: "Shared",
      readOnly: false,
    },
    ConfigMapVolumeSource: { defaultMode: FILE_MODE },
    Container: container,
    ContainerPort: { protocol: "TCP" },
    DownwardAPIVolumeSource: { defaultMode: FILE_MODE },
    EndpointPort: { protocol: "TCP" },
    EphemeralContainer: container,
    FileKeySelector: { optional: false },
    GRPCAction: { service: "" },
    HTTPGetAction: { path: "/", scheme: "HTTP" },
    HostPathVolumeSource: { type: "" },
    ISCSIPersistentVolumeSource: iscsi,
    ISCSIVolumeSource: iscsi,
    Namespace: { status: {} },
    NamespaceStatus: { phase: "Active" },
    ObjectFieldSelector: { apiVersion: "v1" },
    PersistentVolume: { status: {} },
    PersistentVolumeClaim: { status: {} },
    PersistentVolumeClaimSpec: { volumeMode: "Filesystem" },
    PersistentVolumeClaimStatus: { phase: "Pending" },
    PersistentVolumeSpec: { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" },
    PersistentVolumeStatus: { phase: "Pending" },
    PodSpec: {
      dnsPolicy: "ClusterFirst",
      restartPolicy: "Always",
      schedulerName: "default-scheduler",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    },
    Probe: { failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1 },
    ProjectedVolumeSource: { defaultMode: FILE_MODE },
    RBDPersistentVolumeSource: rbd,
    RBDVolumeSource: rbd,
    ReplicationControllerSpec: { replicas: 1 },
    ScaleIOPersistentVolumeSource: { ...scaleIo, fsType: "xfs" },
    ScaleIOVolumeSource: { ...scaleIo, fsType: "xfs" },
    Secret: { type: "Opaque" },
    SecretVolumeSource: { defaultMode: FILE_MODE },
    ServiceAccountTokenProjection: { expirationSeconds: 3600 },
    ServicePort: { protocol: "TCP" },
    ServiceSpec: { sessionAffinity: "None", type: "ClusterIP" },
    ServiceStatus: { loadBalancer: {} },
    Service: { status: {} },
  },
  "discovery/v1": { EndpointPort: { name: "", protocol: "TCP" } },
  "flowcontrol/v1": {
    FlowSchemaSpec: { matchingPrecedence: 1000 },
    LimitedPriorityLevelConfiguration: { lendablePercent: 0, nominalConcurrencyShares: 30 },
  },
  "networking/v1": {
    IngressClassParametersReference: { scope: "Cluster" },
    NetworkPolicyPort: { protocol: "TCP" },
    NetworkPolicySpec: { podSelector: {} },
  },
  "rbac/v1": { RoleRef: { apiGroup: "rbac.authorization.k8s.io" } },
  "resource/v1": { DeviceToleration: { operator: "Equal" } },
  "scheduling/v1": { PriorityClass: { preemptionPolicy: "PreemptLowerPriority" } },
  "storage/v1": {
    CSIDriverSpec: {
      attachRequired: true,
      fsGroupPolicy: "ReadWriteOnceWithFSType",
      podInfoOnMount: false,
      requiresRepublish: false,
      seLinuxMount: false,
      storageCapacity: false,
      volumeLifecycleModes: ["Persistent"],
    },
    StorageClass: { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" },
  },
};
