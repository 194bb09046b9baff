/** Which pods an update deletes next, so that they are made again of the new revision. Pure. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { countOf } from "../deployment/bounds.ts";
import { ordinalRange, revisionOf } from "./pod-identity.ts";
import type { Replica, StatefulSetView } from "./statefulset-view.ts";

/**
 * From the highest ordinal down to the partition, so many at a time that no more than
 * `maxUnavailable` are away. A pod that does not work yet keeps the lower ones from being touched;
 * one of an old revision that does not work is replaced in its turn.
 */
export function planUpdate(
  { set, update }: StatefulSetView,
  replicas: readonly Replica[],
  isAvailable: (pod: Pod) => boolean,
): readonly Pod[] {
  const { type = "RollingUpdate", rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type !== "RollingUpdate") return [];
  const max = Math.max(1, countOf(rollingUpdate?.maxUnavailable ?? 1, replicas.length, "down"));
  const lowest = ordinalRange(set).first + (rollingUpdate?.partition ?? 0);
  const works = ({ pod }: Replica): boolean => pod !== undefined && isAvailable(pod);
  const isAway = ({ pod }: Replica): boolean => pod?.metadata.deletionTimestamp !== undefined;
  let mayDelete = max - replicas.filter(isAway).length;
  let mayStop = max - replicas.filter((replica) => !works(replica)).length;
  const remove: Pod[] = [];
  for (const replica of [...replicas].reverse()) {
    const { pod, ordinal } = replica;
    if (ordinal < lowest || mayDelete <= 0) break;
    const isWorking = works(replica);
    const isOutdated =
      pod !== undefined && !isAway(replica) && revisionOf(pod) !== update.metadata.name;
    if (!isOutdated) {
      if (!isWorking && mayStop <= 0) break;
      continue;
    }
    if (isWorking && mayStop <= 0) break;
    remove.push(pod);
    mayDelete--;
    if (isWorking) mayStop--;
  }
  return remove;
}
