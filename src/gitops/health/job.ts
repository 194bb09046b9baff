import type { Job } from "kubernetes-types/batch/v1";
import type { Live } from "../../kube/object.ts";
import { conditionOf, degraded, type Health, HEALTHY, progressing, suspended } from "./health.ts";

export function jobHealth({ status }: Live<Job>): Health {
  const failed = conditionOf(status?.conditions, "Failed");
  if (failed?.status === "True") return degraded(failed.message ?? "the job failed");
  if (conditionOf(status?.conditions, "Suspended")?.status === "True")
    return suspended("the job is suspended");
  return conditionOf(status?.conditions, "Complete")?.status === "True"
    ? HEALTHY
    : progressing("the job has not completed");
}
