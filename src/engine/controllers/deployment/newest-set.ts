/** The ReplicaSet of a Deployment's present template: finding, making and keeping it. */
import { deepEqual } from "../../../kube/equality.ts";
import { type Deployment, deployments } from "../../../kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../kube/kinds/replicaset.ts";
import { controllerReference } from "../ownership/owner-reference.ts";
import { isSameTemplate, POD_TEMPLATE_HASH, podTemplateHash } from "./pod-template-hash.ts";
import { newestSetAnnotations, scaleAnnotations } from "./replica-annotations.ts";
import { byAge } from "./replica-set-state.ts";

/** The set with the Deployment's template; the oldest when there are several. */
export function findNewestSet(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  return [...sets].sort(byAge).find((set) => hasTemplateOf(set, deployment));
}

export function hasTemplateOf(set: ReplicaSet, deployment: Deployment): boolean {
  return isSameTemplate(set.spec?.template ?? {}, deployment.spec?.template ?? {});
}

/** A set for the present template, named by the template's hash. */
export function newSet(deployment: Deployment, revision: number, replicas: number): ReplicaSet {
  const { selector = {}, template = {}, minReadySeconds } = deployment.spec ?? {};
  const { namespace, name } = deployment.metadata;
  const hash = podTemplateHash(template, deployment.status?.collisionCount);
  const hashed = { ...template.metadata?.labels, [POD_TEMPLATE_HASH]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: hashed,
      annotations: {
        ...newestSetAnnotations(deployment, {}, revision),
        ...scaleAnnotations(deployment),
      },
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: {
        ...selector,
        matchLabels: { ...selector.matchLabels, [POD_TEMPLATE_HASH]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels: hashed } },
    },
  };
}

/** The set with what follows the Deployment: annotations, revision, minReadySeconds. The same object when all fits. */
export function keptSet(deployment: Deployment, set: ReplicaSet, revision: number): ReplicaSet {
  const { minReadySeconds = 0 } = deployment.spec ?? {};
  const current = set.metadata.annotations ?? {};
  const annotations = newestSetAnnotations(deployment, current, revision);
  const fits = (set.spec?.minReadySeconds ?? 0) === minReadySeconds;
  if (fits && deepEqual(annotations, current)) return set;
  const { selector = {}, ...spec } = set.spec ?? {};
  return {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...spec, selector, minReadySeconds },
  };
}
