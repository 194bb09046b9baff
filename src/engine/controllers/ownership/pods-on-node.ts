/** Pods by the node that they are bound to: an index that all who need it share. */
import type { Informer } from "../../../client/informer.ts";
import type { ObjectReader } from "../../../client/object-cache.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";

const NODE_INDEX = "spec.nodeName";

export function addPodNodeIndex(pods: Informer<Pod>): void {
  pods.addIndex(NODE_INDEX, ({ spec }) => {
    const nodeName = spec?.nodeName ?? "";
    return nodeName === "" ? [] : [nodeName];
  });
}

export function podsOnNode(pods: ObjectReader<Pod>, nodeName: string): readonly Pod[] {
  return pods.byIndex(NODE_INDEX, nodeName);
}
