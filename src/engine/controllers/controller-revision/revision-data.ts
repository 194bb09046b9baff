/** What a ControllerRevision keeps of a workload: a patch that brings its pod template back. */
import type { PodTemplateSpec } from "kubernetes-types/core/v1";
import { isObject } from "../../../kube/json-object.ts";
import type { Kind } from "../../../kube/kind.ts";
import {
  type ControllerRevision,
  controllerRevisions,
} from "../../../kube/kinds/controllerrevision.ts";
import { apiVersionOf, type JsonObject, type KubeObject } from "../../../kube/object.ts";
import { isSameTemplate, podTemplateHash } from "../deployment/pod-template-hash.ts";
import { controllerReference } from "../ownership/owner-reference.ts";

/** On pods: which revision they are of. */
export const REVISION_HASH = "controller-revision-hash";
/** On revisions: the part of their name that tells templates apart. */
export const HASH_LABEL = "controller.kubernetes.io/hash";

/** A StatefulSet or DaemonSet. */
export interface Revised extends KubeObject {
  spec?: {
    readonly template?: PodTemplateSpec;
    readonly revisionHistoryLimit?: number;
  };
  status?: { readonly collisionCount?: number };
}

/** `kubectl rollout undo` sends the data as a strategic merge patch: the template replaces what is there. */
export function newRevision<T extends Revised>(
  kind: Kind<T>,
  owner: T,
  revision: number,
): ControllerRevision {
  const { template = {} } = owner.spec ?? {};
  const hash = podTemplateHash(template, owner.status?.collisionCount);
  const { namespace, name, annotations } = owner.metadata;
  return {
    apiVersion: apiVersionOf(controllerRevisions),
    kind: controllerRevisions.kind,
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata?.labels, [HASH_LABEL]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(kind, owner)],
    },
    data: { spec: { template: { ...(template as unknown as JsonObject), $patch: "replace" } } },
    revision,
  };
}

/** The template that the revision keeps; undefined for data of another shape, as somebody may write. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const spec = isObject(data) ? data["spec"] : undefined;
  const template = isObject(spec) ? spec["template"] : undefined;
  if (!isObject(template) || !isObject(template["spec"])) return undefined;
  const { $patch: _, ...rest } = template;
  return rest as unknown as PodTemplateSpec;
}

export function hasTemplate(revision: ControllerRevision, template: PodTemplateSpec): boolean {
  const kept = templateOf(revision);
  return kept !== undefined && isSameTemplate(kept, template);
}

export function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[HASH_LABEL] ?? "";
}
