/** `/scale`: the number of replicas of any kind that has one, as autoscaling/v1 `Scale`. */
import type { Scale as UpstreamScale } from "kubernetes-types/autoscaling/v1";
import type { LabelSelector } from "kubernetes-types/meta/v1";
import { isObject, ownField, type UnknownObject } from "../../../kube/json-object.ts";
import type { Subresources } from "../../../kube/kind.ts";
import { formatLabelSelector, selectorOf } from "../../../kube/label-selector.ts";
import type { KubeObject, Live } from "../../../kube/object.ts";
import { schemaOf } from "../../../kube/schema/definitions.ts";
import { StatusError } from "../../../kube/status-error.ts";
import { encodeLazily } from "../encoded.ts";
import type { ObjectView } from "./subresource.ts";

export type Scale = Live<UpstreamScale>;
type ScalePaths = NonNullable<Subresources["scale"]>;

const SCALE = { group: "autoscaling", version: "v1", kind: "Scale", namespaced: true };

export function scaleView(paths: ScalePaths): ObjectView {
  return {
    addressed: SCALE,
    schema: schemaOf("autoscaling/v1", "Scale") ?? {},
    read: ({ object }) => encodeLazily(scaleOf(object, paths)),
    write: (view, current) => withReplicas(view as Scale, current, paths),
  };
}

function scaleOf(object: KubeObject, paths: ScalePaths): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = selectorText(read(object, paths.labelSelectorPath ?? ""));
  return {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: count(read(object, paths.specReplicasPath)) },
    status: {
      replicas: count(read(object, paths.statusReplicasPath)),
      ...(selector === "" ? {} : { selector }),
    },
  };
}

function withReplicas(scale: Scale, current: KubeObject, paths: ScalePaths): KubeObject {
  const replicas: unknown = scale.spec?.replicas ?? 0;
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0) {
    throw StatusError.invalid(SCALE, current.metadata.name, [
      {
        reason: "FieldValueInvalid",
        field: "spec.replicas",
        value: replicas,
        detail: "must be an integer greater than or equal to 0",
      },
    ]);
  }
  const next = write(current, segments(paths.specReplicasPath), replicas);
  return next as KubeObject;
}

/** `.spec.replicas` is `spec`, `replicas`: paths of a scale subresource have no list indexes. */
const segments = (path: string): string[] => path.split(".").filter((segment) => segment !== "");

function read(object: KubeObject, path: string): unknown {
  let value: unknown = path === "" ? undefined : object;
  for (const segment of segments(path))
    value = isObject(value) ? ownField(value, segment) : undefined;
  return value;
}

function write(value: unknown, path: readonly string[], leaf: unknown): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return leaf;
  const object: UnknownObject = isObject(value) ? value : {};
  return { ...object, [head]: write(ownField(object, head), rest, leaf) };
}

const count = (value: unknown): number => (typeof value === "number" ? value : 0);

/** Custom kinds keep the selector as text, built-in ones as an object. */
function selectorText(value: unknown): string {
  if (typeof value === "string") return value;
  if (!isObject(value)) return "";
  // That of a ReplicationController is plain labels.
  const isLabels = Object.values(value).every((label) => typeof label === "string");
  const selector = isLabels ? { matchLabels: value } : value;
  return formatLabelSelector(selectorOf(selector as LabelSelector));
}
