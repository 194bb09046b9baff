/** Selects Applications by kind, name and labels, as Flux's Alerts and Receivers do. */
import type { KubeObject } from "../object.ts";

export interface EventSource {
  apiVersion?: string;
  kind: "Application";
  /** `*`: every one, or every one with `matchLabels`. */
  name: string;
  /** @default that of the object that selects */
  namespace?: string;
  matchLabels?: Record<string, string>;
}

/** Whether an object is selected by somebody in `namespace`. */
export function isSelected(
  { metadata }: KubeObject,
  sources: readonly EventSource[],
  namespace: string,
): boolean {
  return sources.some(
    (source) =>
      metadata.namespace === (source.namespace ?? namespace) &&
      (source.name === "*" || source.name === metadata.name) &&
      Object.entries(source.matchLabels ?? {}).every(
        ([key, value]) => metadata.labels?.[key] === value,
      ),
  );
}
