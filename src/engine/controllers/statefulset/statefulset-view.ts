/** What is known of a StatefulSet when its next steps are planned. */
import type { ControllerRevision } from "../../../kube/kinds/controllerrevision.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { StatefulSet } from "../../../kube/kinds/statefulset.ts";

export interface StatefulSetView {
  readonly set: StatefulSet;
  /** The pods that the set controls. */
  readonly pods: readonly Pod[];
  /** The revision that pods below the partition have, or had before an update. */
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly nowMs: number;
}

/** An ordinal that the set is to have, and its pod. */
export interface Replica {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}
