/**
 * What objects say about each other. All of it is advice: what is not in the input may well be in
 * the cluster.
 */
import type { Manifest } from "../../render/manifest.ts";
import type { Finding } from "../finding.ts";
import { checkIngress } from "./ingress-references.ts";
import { groupKind, ObjectIndex } from "./object-index.ts";
import { checkPodReferences } from "./pod-references.ts";
import { checkService } from "./service-references.ts";
import {
  checkAutoscaler,
  checkDisruptionBudget,
  checkRoleBinding,
  checkStatefulSet,
} from "./target-references.ts";

type Rule = (manifest: Manifest, index: ObjectIndex) => Finding[];

const RULES: Readonly<Record<string, Rule>> = {
  "/Service": checkService,
  "networking.k8s.io/Ingress": checkIngress,
  "autoscaling/HorizontalPodAutoscaler": checkAutoscaler,
  "policy/PodDisruptionBudget": checkDisruptionBudget,
  "rbac.authorization.k8s.io/RoleBinding": checkRoleBinding,
  "rbac.authorization.k8s.io/ClusterRoleBinding": checkRoleBinding,
  "apps/StatefulSet": checkStatefulSet,
};

/** `defaultNamespace`: of objects that name none. */
export function checkReferences(
  manifests: readonly Manifest[],
  defaultNamespace: string,
): Finding[] {
  const index = new ObjectIndex(manifests, defaultNamespace);
  return [
    ...manifests.flatMap((manifest) => RULES[groupKind(manifest.object)]?.(manifest, index) ?? []),
    ...index.workloads.flatMap((workload) => checkPodReferences(workload, index)),
  ];
}
