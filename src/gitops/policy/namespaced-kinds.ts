/** Which kinds live in namespaces: by the cluster, by definitions in the input, by what is known. */
import type { Client } from "../../client/client.ts";
import { isObject } from "../../kube/json-object.ts";
import { kindFor } from "../../kube/kinds/index.ts";
import { type KubeObject, parseApiVersion } from "../../kube/object.ts";
import { isBuiltinGroup } from "../check/known-kinds.ts";

/** Of Kubernetes' own kinds those outside namespaces, served by Gantry or not. */
const CLUSTER_SCOPED = new Set(
  [
    "/ComponentStatus /Namespace /Node /PersistentVolume",
    "admissionregistration.k8s.io/MutatingAdmissionPolicy",
    "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/CustomResourceDefinition apiregistration.k8s.io/APIService",
    "certificates.k8s.io/CertificateSigningRequest certificates.k8s.io/ClusterTrustBundle",
    "flowcontrol.apiserver.k8s.io/FlowSchema",
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
    "networking.k8s.io/IPAddress networking.k8s.io/IngressClass networking.k8s.io/ServiceCIDR",
    "node.k8s.io/RuntimeClass policy/PodSecurityPolicy",
    "rbac.authorization.k8s.io/ClusterRole rbac.authorization.k8s.io/ClusterRoleBinding",
    "resource.k8s.io/DeviceClass resource.k8s.io/ResourceSlice",
    "resource.k8s.io/DeviceTaintRule scheduling.k8s.io/PriorityClass",
    "storage.k8s.io/CSIDriver storage.k8s.io/CSINode storage.k8s.io/StorageClass",
    "storage.k8s.io/VolumeAttachment storage.k8s.io/VolumeAttributesClass",
    "storagemigration.k8s.io/StorageVersionMigration",
  ].flatMap((line) => line.split(" ")),
);

/** Undefined: nobody knows. `client`: of the destination, whose word counts most. */
export async function namespacedKinds(
  objects: readonly KubeObject[],
  client?: Pick<Client, "resourceFor">,
): Promise<(object: KubeObject) => boolean | undefined> {
  const known = new Map<string, boolean>();
  for (const object of objects) define(known, object);
  for (const { apiVersion, kind } of client === undefined ? [] : objects) {
    const served = await client?.resourceFor(apiVersion, kind);
    if (served !== undefined) known.set(`${apiVersion} ${kind}`, served.namespaced);
  }
  return ({ apiVersion, kind }) => known.get(`${apiVersion} ${kind}`) ?? builtIn(apiVersion, kind);
}

function builtIn(apiVersion: string, kind: string): boolean | undefined {
  const own = kindFor(apiVersion, kind);
  if (own !== undefined) return own.namespaced;
  if (!isBuiltinGroup(apiVersion)) return undefined;
  return !CLUSTER_SCOPED.has(`${parseApiVersion(apiVersion).group}/${kind}`);
}

/** Reads what a definition, right or wrong, says about its scope. */
function define(known: Map<string, boolean>, object: KubeObject): void {
  if (object.kind !== "CustomResourceDefinition") return;
  const { spec } = object as KubeObject & { spec?: unknown };
  if (!isObject(spec) || !isObject(spec["names"]) || !Array.isArray(spec["versions"])) return;
  const { group, scope, names } = spec;
  const kind = names["kind"];
  if (typeof group !== "string" || typeof kind !== "string") return;
  for (const version of spec["versions"] as readonly unknown[]) {
    if (!isObject(version) || typeof version["name"] !== "string") continue;
    known.set(`${group}/${version["name"]} ${kind}`, scope !== "Cluster");
  }
}
