/** An object that knows which file, document and line it comes from. */
import type { FindingObject, Place, Position } from "../check/finding.ts";
import type { KubeObject } from "../../kube/object.ts";

export interface Origin extends Place {
  /** 0-based, counting empty documents. */
  readonly document: number;
  /** Field path of the object inside its document, for members of a `List`: `items[3]`. */
  readonly itemPath?: string;
}

export interface Manifest {
  /** Deeply frozen; shared by all who rendered the same file. */
  readonly object: KubeObject;
  readonly origin: Origin;
  /** It was encrypted in the repository: its values are shown in no diff, whatever its kind. */
  readonly confidential?: boolean;
  /**
   * Where a field stands, by its Kubernetes field path (`spec.containers[0].image`,
   * `metadata.labels[app]`); for fields that are not there, the nearest one above.
   * @param of the key, or the value. @default "value"
   */
  positionOf(path: string, of?: "key" | "value"): Position;
}

/** Names the object in findings. */
export function findingObject({ apiVersion, kind, metadata }: KubeObject): FindingObject {
  const { name, namespace } = metadata;
  return { apiVersion, kind, name, ...(namespace !== undefined && { namespace }) };
}
