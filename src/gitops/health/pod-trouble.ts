/** Why a pod will not become healthy by itself: known long before its controller gives up. */
import type { ContainerStatus, Pod } from "kubernetes-types/core/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf } from "./health.ts";

/** After this a pod that fits no node counts as stuck, as in Flux (kstatus). */
export const UNSCHEDULABLE_AFTER_MS = 15_000;

export interface PodTrouble {
  /** E.g. `ImagePullBackOff`, `CrashLoopBackOff`, `Unschedulable`. */
  readonly reason: string;
  /** One sentence for people. */
  readonly message: string;
  readonly container?: string;
}

/** Waiting reasons that somebody must mend: the image, the configuration, or the node. */
const BROKEN = /^Err|Error$|^InvalidImageName$|^ImagePullBackOff$|^RegistryUnavailable$/;
/** The program ends again and again. */
const CRASHING = /BackOff$/;

/** `nowMs` absent: a pod that fits no node is never stuck. */
export function podTrouble({ status }: Live<Pod>, nowMs?: number): PodTrouble | undefined {
  for (const container of containersOf(status)) {
    const trouble = brokenContainer(container) ?? crashingContainer(container);
    if (trouble !== undefined) return trouble;
  }
  return unschedulable(status, nowMs);
}

/** Of any restart policy: no restart helps. */
export function brokenContainer({ name, state }: ContainerStatus): PodTrouble | undefined {
  const { reason, message } = state?.waiting ?? {};
  if (reason === undefined || !BROKEN.test(reason)) return undefined;
  return { reason, message: `container ${name}: ${reason}${suffix(message)}`, container: name };
}

export function crashingContainer({
  name,
  state,
  lastState,
  restartCount,
}: ContainerStatus): PodTrouble | undefined {
  const { reason, message } = state?.waiting ?? {};
  if (reason === undefined || !CRASHING.test(reason)) return undefined;
  const ended = lastState?.terminated;
  const how = ended === undefined ? suffix(message) : `: ${endOf(ended)}`;
  const times = restartCount > 0 ? `, restarted ${restartCount} times` : "";
  return { reason, message: `container ${name}: ${reason}${how}${times}`, container: name };
}

/** `ended with exit code 3`, `ran out of memory (exit code 137)`. */
export function endOf(ended: {
  readonly exitCode: number;
  readonly reason?: string;
  readonly signal?: number;
  readonly message?: string;
}): string {
  if (ended.reason === "OOMKilled") return `ran out of memory (exit code ${ended.exitCode})`;
  const signal = ended.signal === undefined || ended.signal === 0 ? "" : `, signal ${ended.signal}`;
  return `ended with exit code ${ended.exitCode}${signal}${suffix(ended.message)}`;
}

/** Longest part of a container's own message that is repeated. */
const MAX_MESSAGE_LENGTH = 300;

function suffix(message: string | undefined): string {
  const text = message?.trim() ?? "";
  if (text === "") return "";
  return `: ${text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text}`;
}

export function unschedulable(
  status: Live<Pod>["status"],
  nowMs: number | undefined,
): PodTrouble | undefined {
  const sinceMs = unschedulableSinceMs(status);
  if (sinceMs === undefined || nowMs === undefined || nowMs - sinceMs < UNSCHEDULABLE_AFTER_MS)
    return undefined;
  const why = conditionOf(status?.conditions, "PodScheduled")?.message;
  return { reason: "Unschedulable", message: `no node takes the pod${suffix(why)}` };
}

/** Since when no node takes the pod; undefined when one did, or none was looked for. */
export function unschedulableSinceMs(status: Live<Pod>["status"]): number | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "False" || scheduled.reason !== "Unschedulable") return undefined;
  const sinceMs = Date.parse(scheduled.lastTransitionTime ?? "");
  return Number.isNaN(sinceMs) ? undefined : sinceMs;
}

export function containersOf(status: Live<Pod>["status"]): readonly ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}
