/** Pods by the node that they are bound to: an index that everybody in the engine may share. */
import type { Pod } from "../../kube/kinds/pod.ts";

export const POD_NODE_INDEX = "spec.nodeName";

export function podNodes({ spec }: Pod): readonly string[] {
  const nodeName = spec?.nodeName ?? "";
  return nodeName === "" ? [] : [nodeName];
}
