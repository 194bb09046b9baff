/** The pods of a StatefulSet and the claims that belong to each. Pure. */
import type { PodTemplateSpec, Volume } from "kubernetes-types/core/v1";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { type StatefulSet, statefulSets } from "../../../kube/kinds/statefulset.ts";
import { REVISION_HASH } from "../controller-revision/revision-data.ts";
import { controllerReference } from "../ownership/owner-reference.ts";
import { ownersOfNewClaim } from "./claim-retention.ts";
import { identityLabels, podName } from "./pod-identity.ts";

/** `revision` is the name of the one that `template` is from. */
export function podOfSet(
  set: StatefulSet,
  ordinal: number,
  template: PodTemplateSpec,
  revision: string,
): Pod {
  const name = podName(set, ordinal);
  const { metadata = {}, spec = { containers: [] } } = template;
  const { labels, annotations, finalizers } = metadata;
  const { namespace } = set.metadata;
  const { serviceName = "" } = set.spec ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      // Selectors and `kubectl` know it from pods with made-up names.
      generateName: `${set.metadata.name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, ...identityLabels(name, ordinal), [REVISION_HASH]: revision },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(statefulSets, set)],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(serviceName === "" ? {} : { subdomain: serviceName }),
      ...volumesOf(set, name, spec.volumes),
    },
  };
}

/** A claim takes the place of a volume of its name. */
function volumesOf(set: StatefulSet, pod: string, volumes: readonly Volume[] = []) {
  const claims = set.spec?.volumeClaimTemplates ?? [];
  if (claims.length === 0) return {};
  const names = new Set(claims.map(({ metadata }) => metadata?.name));
  return {
    volumes: [
      ...claims.map(({ metadata }) => {
        const name = metadata?.name ?? "";
        return { name, persistentVolumeClaim: { claimName: claimName(name, pod) } };
      }),
      ...volumes.filter(({ name }) => !names.has(name)),
    ],
  };
}

const claimName = (template: string, pod: string): string => `${template}-${pod}`;

/** Names of the claims of one pod. */
export function claimNamesOf(set: StatefulSet, pod: string): readonly string[] {
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) =>
    claimName(metadata?.name ?? "", pod),
  );
}

/** Whether a claim of this name is one of the set's pods'. */
export function isClaimName(set: StatefulSet, name: string): boolean {
  return (set.spec?.volumeClaimTemplates ?? []).some(({ metadata }) => {
    const prefix = `${claimName(metadata?.name ?? "", set.metadata.name)}-`;
    return name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length));
  });
}

/** They outlive the pod, and the next one of its name finds them again. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  const { namespace } = set.metadata;
  const ownerReferences = ownersOfNewClaim(set);
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata = {}, spec = {} }) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      name: claimName(metadata.name ?? "", podName(set, ordinal)),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...metadata.labels, ...set.spec?.selector?.matchLabels },
      ...(ownerReferences.length === 0 ? {} : { ownerReferences }),
    },
    spec,
  }));
}
