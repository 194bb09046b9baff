/** Tells the client what its kind warns of. */
import type { Kind } from "../../../kube/kind.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { RequestContext } from "../request-context.ts";
import type { Outcome } from "./commit.ts";

/**
 * After the write, so that `object` is known to be valid: what the client sent, before defaults.
 * Nothing written, nothing to warn of.
 */
export function sendWarnings(
  context: RequestContext,
  kind: Kind,
  outcome: Outcome,
  object: KubeObject,
): void {
  if (context.warn === undefined || !outcome.changed) return;
  for (const text of kind.strategy.warnings?.(object) ?? []) context.warn(text);
}
