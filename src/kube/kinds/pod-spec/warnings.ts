/** What is allowed in a pod spec but probably not meant; sent as `Warning` headers. */
import type { PodSpec } from "kubernetes-types/core/v1";
import { hiddenVariables } from "./environment.ts";
import { tryQuantity } from "./resources.ts";

const NANOS = 1_000_000_000n;
const BYTE_RESOURCES = ["memory", "ephemeral-storage"];

export function podSpecWarnings(spec: PodSpec, field: string): string[] {
  const warnings: string[] = [];
  const lists = [
    ["initContainers", spec.initContainers ?? []],
    ["containers", spec.containers ?? []],
  ] as const;
  for (const [list, containers] of lists) {
    for (const [index, container] of containers.entries()) {
      const path = `${field}.${list}[${index}]`;
      warnings.push(...hiddenVariables(container.env ?? [], `${path}.env`));
      for (const kind of ["requests", "limits"] as const) {
        warnings.push(
          ...fractionalBytes(container.resources?.[kind] ?? {}, `${path}.resources.${kind}`),
        );
      }
    }
  }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  return warnings;
}

function fractionalBytes(amounts: Readonly<Record<string, string>>, field: string): string[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const quantity = tryQuantity(amount);
    return BYTE_RESOURCES.includes(name) && quantity !== undefined && quantity.nanos % NANOS !== 0n
      ? [`${field}[${name}]: fractional byte value "${amount}" is invalid, must be an integer`]
      : [];
  });
}
