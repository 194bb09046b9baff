/** Objects that server-side apply owns as a whole (`structType=atomic`, `mapType=atomic` upstream). */
import type { ByModule } from "./by-module.ts";

/** Types. */
export const atomicTypes: Readonly<Record<string, readonly string[]>> = {
  "core/v1": [
    "ConfigMapKeySelector",
    "EndpointAddress",
    "EndpointPort",
    "FileKeySelector",
    "LocalObjectReference",
    "NodeSelector",
    "NodeSelectorTerm",
    "ObjectFieldSelector",
    "ObjectReference",
    "ResourceFieldSelector",
    "ScopeSelector",
    "SecretKeySelector",
    "SecretReference",
    "TopologySelectorTerm",
    "TypedLocalObjectReference",
  ],
  "admissionregistration/v1": [
    "MatchResources",
    "NamedRuleWithOperations",
    "ParamKind",
    "ParamRef",
    "Variable",
  ],
  "admissionregistration/v1alpha1": [
    "MatchResources",
    "NamedRuleWithOperations",
    "ParamKind",
    "ParamRef",
  ],
  "admissionregistration/v1beta1": [
    "MatchResources",
    "NamedRuleWithOperations",
    "ParamKind",
    "ParamRef",
    "Variable",
  ],
  "autoscaling/v1": ["CrossVersionObjectReference"],
  "discovery/v1": ["EndpointPort"],
  "meta/v1": ["LabelSelector", "OwnerReference"],
  "networking/v1": ["ServiceBackendPort"],
  "rbac/v1": ["RoleRef", "Subject"],
};

/** Fields; `granular` where upstream says so although it is the rule. */
export const mapFields: ByModule<Readonly<Record<string, "atomic" | "granular">>> = {
  "core/v1": {
    PersistentVolumeClaimStatus: { allocatedResourceStatuses: "granular" },
    PersistentVolumeSpec: { claimRef: "granular" },
    PodSpec: { nodeSelector: "atomic" },
    ReplicationControllerSpec: { selector: "atomic" },
    ServiceSpec: { selector: "atomic" },
  },
  "node/v1": { Scheduling: { nodeSelector: "atomic" } },
};
