import type { CronJob } from "kubernetes-types/batch/v1";
import type { Live } from "../../kube/object.ts";
import { degraded, type Health, HEALTHY } from "./health.ts";

export function cronJobHealth({ spec, status }: Live<CronJob>): Health {
  if (spec?.suspend === true) return HEALTHY;
  // Nobody waits for an hour that may be far: a sync least of all.
  if (status === undefined) return HEALTHY;
  const { active, lastScheduleTime, lastSuccessfulTime } = status;
  if (lastSuccessfulTime === undefined || lastScheduleTime === undefined) return HEALTHY;
  if ((active ?? []).length > 0) return HEALTHY;
  return Date.parse(lastSuccessfulTime) < Date.parse(lastScheduleTime)
    ? degraded("the last scheduled job did not succeed")
    : HEALTHY;
}
