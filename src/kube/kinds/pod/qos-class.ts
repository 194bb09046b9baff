/** Quality of service (k8s.io/kubernetes/pkg/apis/core/helper/qos): fixed when a pod is created. */
import { isObject, type UnknownObject } from "../../json-object.ts";
import { tryQuantity } from "../pod-spec/resources.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";
const RATED = ["cpu", "memory"] as const;

/** Takes any JSON: it runs before the spec is checked, and what is no amount counts as none. */
export function qosClass(spec: unknown): QosClass {
  const containers = containersOf(spec);
  const amounts = containers.flatMap((container) =>
    RATED.map((name) => ({
      limit: amountOf(container, "limits", name),
      request: amountOf(container, "requests", name),
    })),
  );
  if (amounts.every(({ limit, request }) => limit === 0n && request === 0n)) return "BestEffort";
  const isGuaranteed = amounts.every(
    ({ limit, request }) => limit > 0n && (request === 0n || request === limit),
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function containersOf(spec: unknown): UnknownObject[] {
  if (!isObject(spec)) return [];
  const lists = [spec.containers, spec.initContainers];
  return lists.flatMap((list) => (Array.isArray(list) ? list.filter(isObject) : []));
}

function amountOf(container: UnknownObject, bound: "limits" | "requests", name: string): bigint {
  const { resources } = container;
  const amounts = isObject(resources) ? resources[bound] : undefined;
  return isObject(amounts) ? (tryQuantity(amounts[name])?.nanos ?? 0n) : 0n;
}
