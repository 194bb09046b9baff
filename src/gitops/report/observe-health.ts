/** How long what was synced takes to become healthy, read from the status of Applications. */
import type { Clock } from "../../client/clock.ts";
import type { Informer } from "../../client/informer.ts";
import { parseTime } from "../../client/timestamps.ts";
import type { Application } from "../../kube/kinds/application.ts";
import type { StageObserver } from "./stage-metrics.ts";

/** The returned function ends it. */
export function observeHealth(
  applications: Informer<Application>,
  clock: Clock,
  observer: StageObserver,
): () => void {
  return applications.onChange(({ object, previous }) => {
    const outcome = outcomeOf(previous, object);
    const sinceMs = parseTime(object.status?.operationState?.finishedAt);
    if (outcome !== undefined && sinceMs !== undefined)
      observer.stage("health", outcome, Math.max(0, clock.now() - sinceMs));
  });
}

function outcomeOf(
  before: Application | undefined,
  after: Application,
): "success" | "failure" | undefined {
  if (before?.status?.health?.status !== "Progressing") return undefined;
  if (after.status?.operationState?.phase !== "Succeeded") return undefined;
  switch (after.status.health?.status) {
    case "Healthy":
      return "success";
    case "Degraded":
      return "failure";
    default:
      return undefined;
  }
}
