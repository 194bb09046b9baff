/** Runs a postStart or preStop hook. */
import type { LifecycleHandler } from "kubernetes-types/core/v1";
import { type Clock, sleep } from "../../../client/clock.ts";
import { type AttemptContext, attempt } from "../probes/attempt.ts";
import { type ProbeOutcome, success } from "../probes/outcome.ts";

export async function runHook(
  handler: LifecycleHandler,
  context: AttemptContext & { readonly clock: Clock },
  timeoutMs: number,
): Promise<ProbeOutcome> {
  if (handler.sleep === undefined) return attempt(handler, context, timeoutMs);
  await sleep(context.clock, Math.min(handler.sleep.seconds * 1000, timeoutMs));
  return success;
}
