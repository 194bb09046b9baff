import type { CustomResourceDefinition } from "kubernetes-types/apiextensions/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing } from "./health.ts";

export function customResourceDefinitionHealth({ status }: Live<CustomResourceDefinition>): Health {
  const conditions = status?.conditions;
  const is = (type: string, value: string): boolean =>
    conditionOf(conditions, type)?.status === value;
  const message = (type: string): string => conditionOf(conditions, type)?.message ?? type;
  if (conditions === undefined) return progressing("not established yet");
  if (is("Terminating", "True")) return progressing("being deleted");
  if (is("NamesAccepted", "False")) return degraded(message("NamesAccepted"));
  if (is("NonStructuralSchema", "True")) return degraded(message("NonStructuralSchema"));
  if (is("Established", "True")) return HEALTHY;
  return conditionOf(conditions, "Established")?.reason === "Installing"
    ? progressing("installing")
    : degraded(message("Established"));
}
