/**
 * Fields that were applied by what managed an object before Gantry. They belong to other field
 * managers, so taking them out of Git would leave them in the cluster forever. When an object is
 * adopted its former managers' fields become Gantry's. The rewriting is that of client-go's
 * `csaupgrade`. Pure.
 */
import { union } from "../../kube/apply/field-set.ts";
import {
  decodeOwners,
  type Owner,
  withOwners,
  writerKey,
} from "../../kube/apply/managed-fields.ts";
import { applyPatch } from "../../kube/apply/server-side-apply.ts";
import type { KubeObject } from "../../kube/object.ts";
import { applyDefaults } from "../../kube/schema/defaults.ts";
import { schemaOf } from "../../kube/schema/definitions.ts";

/**
 * Not all of kubectl: what `kubectl scale`, `autoscale` and `rollout` change is meant to stay as
 * long as the manifests do not say otherwise.
 */
const FORMER_MANAGERS = new Set([
  "kubectl",
  "kubectl-client-side-apply",
  "kubectl-create",
  "kubectl-edit",
  "kubectl-patch",
  "kubectl-replace",
  "argocd-controller",
  "argocd-application-controller",
  "kustomize-controller",
  "flux-client-side-apply",
  "helm-controller",
  "helm",
  "Helm",
]);

const isFormer = ({ manager, subresource }: Owner): boolean =>
  subresource === "" && FORMER_MANAGERS.has(manager);

export function hasFormerManager(live: KubeObject): boolean {
  return [...decodeOwners(live.metadata.managedFields).values()].some(isFormer);
}

/** The object with its former managers' fields given to `manager`, as if that had applied them. */
export function withoutFormerManagers(live: KubeObject, manager: string): KubeObject {
  const before = decodeOwners(live.metadata.managedFields);
  const owners = new Map(before);
  for (const [key, owner] of before) {
    if (!isFormer(owner)) continue;
    owners.delete(key);
    const { entry: _stored, ...rest } = owner;
    const next: Owner = { ...rest, manager, operation: "Apply" };
    const own = owners.get(writerKey(next));
    owners.set(writerKey(next), {
      ...next,
      fields: own === undefined ? owner.fields : union(own.fields, owner.fields),
    });
  }
  return withOwners(live, owners);
}

/** What an object becomes when it is adopted: an apply by `manager` that removes what Git lacks. */
export function afterTakeover(live: KubeObject, desired: KubeObject, manager: string): KubeObject {
  const schema = schemaOf(live.apiVersion, live.kind);
  const { object } = applyPatch({
    live: withoutFormerManagers(live, manager),
    patch: desired,
    manager,
    force: true,
    nowIso: live.metadata.creationTimestamp ?? "1970-01-01T00:00:00Z",
    apiVersion: desired.apiVersion,
    schema,
    statusSubresource: true,
  });
  return schema === undefined ? object : applyDefaults(schema, object);
}
