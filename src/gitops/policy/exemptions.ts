/** Rules that an object asks to be exempt from, where its policy allows that. */
import type { KubeObject } from "../../kube/object.ts";
import { fitsAny } from "./glob-list.ts";

/** Ids of rules, separated by commas; globs: `scan/host-path, policy/images/*`. */
export const EXEMPT_ANNOTATION = "policy.gantry.dev/exempt";
/** Ids of one annotation. */
const MAX_EXEMPTIONS = 100;

export function exemptionsOf({ metadata }: KubeObject): readonly string[] {
  const text: unknown = metadata.annotations?.[EXEMPT_ANNOTATION];
  if (typeof text !== "string") return [];
  return text
    .split(",", MAX_EXEMPTIONS)
    .map((id) => id.trim())
    .filter((id) => id !== "");
}

export function isExempt(exemptions: readonly string[], rule: string): boolean {
  return exemptions.length > 0 && fitsAny(exemptions, rule);
}
