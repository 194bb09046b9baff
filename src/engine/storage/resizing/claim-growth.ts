/** What a claim's status says while its volume grows (KEP-284, KEP-1790). Pure. */
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { removeCondition, setCondition } from "../../../kube/conditions.ts";
import { compareQuantities } from "../../../kube/quantity.ts";
import { storageOf } from "../binding/volume-match.ts";

type Status = NonNullable<PersistentVolumeClaim["status"]>;
export type ResizeState =
  | "ControllerResizeInProgress"
  | "ControllerResizeInfeasible"
  | "NodeResizePending"
  | "NodeResizeInProgress"
  | "NodeResizeInfeasible";

const RESIZING = "Resizing";
const FILE_SYSTEM_PENDING = "FileSystemResizePending";

/** Whether a bound claim asks for more than it has. */
export function wantsGrowth({ spec, status }: PersistentVolumeClaim): boolean {
  if (status?.phase !== "Bound" || status.capacity === undefined) return false;
  return compareQuantities(storageOf(spec?.resources?.requests), storageOf(status.capacity)) > 0;
}

export function resizeStateOf({ status }: PersistentVolumeClaim): string | undefined {
  return status?.allocatedResourceStatuses?.["storage"];
}

/** The driver is asked for `size`. */
export function growing(status: Status, size: string, nowIso: string): Status {
  return {
    ...withState(status, size, "ControllerResizeInProgress"),
    conditions: setCondition(status.conditions, { type: RESIZING, status: "True" }, nowIso),
  };
}

/** The driver says no, and would again. */
export function infeasible(status: Status, size: string): Status {
  return {
    ...withState(status, size, "ControllerResizeInfeasible"),
    conditions: removeCondition(status.conditions, RESIZING),
  };
}

/** The node's turn: what is on the volume has to learn of the size. */
export function awaitingNode(status: Status, size: string, nowIso: string): Status {
  const message =
    "Waiting for user to (re-)start a pod to finish file system resize of volume on node.";
  const pending = { type: FILE_SYSTEM_PENDING, status: "True", message };
  const others = removeCondition(status.conditions, RESIZING);
  return {
    ...withState(status, size, "NodeResizePending"),
    conditions: setCondition(others, pending, nowIso),
  };
}

/** It has the size. */
export function grown(status: Status, size: string): Status {
  const { allocatedResourceStatuses: _, ...rest } = status;
  const conditions = [RESIZING, FILE_SYSTEM_PENDING].reduce(
    (left, type) => removeCondition(left, type),
    status.conditions ?? [],
  );
  return {
    ...rest,
    capacity: { ...status.capacity, storage: size },
    allocatedResources: { ...status.allocatedResources, storage: size },
    conditions,
  };
}

function withState(status: Status, size: string, state: ResizeState): Status {
  return {
    ...status,
    allocatedResources: { ...status.allocatedResources, storage: size },
    allocatedResourceStatuses: { ...status.allocatedResourceStatuses, storage: state },
  };
}
