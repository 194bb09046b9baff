/**
 * Custom resources by the conditions that most controllers keep to: kstatus (observedGeneration,
 * Reconciling, Stalled, Ready), Available, and the Gateway API's Accepted and Programmed.
 */
import type { KubeObject } from "../../kube/object.ts";
import {
  degraded,
  type Health,
  HEALTHY,
  progressing,
  type StatusCondition,
  suspended,
} from "./health.ts";

/** True means that it will not get better by itself. */
const FAILED_WHEN_TRUE = ["Stalled", "Failed", "Degraded", "InvalidSpec"];
/** False means that the controller refuses it. */
const FAILED_WHEN_FALSE = ["Accepted", "NamesAccepted", "ResolvedRefs"];
const BUSY_WHEN_TRUE = ["Reconciling"];
/** The first that is there tells whether it does its work. */
const WORKS_WHEN_TRUE = ["Ready", "Available", "Healthy", "Programmed", "Succeeded", "Established"];
/** Reasons of a condition that say that waiting is in vain. */
const HOPELESS = new Set(["ProgressDeadlineExceeded", "RolloutAborted", "TerminalError"]);

interface Custom extends KubeObject {
  readonly spec?: { readonly suspend?: unknown };
  readonly status?: { readonly observedGeneration?: unknown; readonly conditions?: unknown };
}

/** Undefined: it has no condition that tells. */
export function conditionsHealth(object: KubeObject): Health | undefined {
  const { metadata, spec, status } = object as Custom;
  const observed = status?.observedGeneration;
  if (typeof observed === "number" && observed < (metadata.generation ?? 0))
    return progressing("waiting for the controller to see the new spec");
  if (!Array.isArray(status?.conditions)) return undefined;
  const conditions = status.conditions.filter(isCondition);
  const find = (types: readonly string[], value: string): StatusCondition | undefined =>
    types
      .map((type) => conditions.find((condition) => condition.type === type))
      .find((condition) => condition?.status === value);
  const failure =
    find(FAILED_WHEN_TRUE, "True") ??
    find(FAILED_WHEN_FALSE, "False") ??
    conditions.find(({ status: value, reason }) => value !== "True" && HOPELESS.has(reason ?? ""));
  if (failure !== undefined) return degraded(explain(failure));
  if (spec?.suspend === true) return suspended("it is suspended");
  const busy = find(BUSY_WHEN_TRUE, "True");
  if (busy !== undefined) return progressing(explain(busy));
  for (const type of WORKS_WHEN_TRUE) {
    const works = conditions.find((condition) => condition.type === type);
    if (works !== undefined) return works.status === "True" ? HEALTHY : progressing(explain(works));
  }
  return undefined;
}

function isCondition(value: unknown): value is StatusCondition {
  if (typeof value !== "object" || value === null) return false;
  const { type, status, reason, message } = value as Record<string, unknown>;
  const isText = (text: unknown): boolean => text === undefined || typeof text === "string";
  return (
    typeof type === "string" && typeof status === "string" && isText(reason) && isText(message)
  );
}

function explain({ type, status, reason, message }: StatusCondition): string {
  const why = message === undefined || message === "" ? reason : message;
  return why === undefined || why === "" ? `${type} is ${status}` : `${type} is ${status}: ${why}`;
}
