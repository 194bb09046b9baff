/** A run of which only the published status is left. */
import type { ContainerStatus } from "kubernetes-types/core/v1";
import { parseTime } from "../../../client/timestamps.ts";
import type { ContainerStatus as RuntimeStatus } from "../runtime/runtime.ts";

/** Nothing for a container that never ran. Without an exit code its end was seen by nobody. */
export function endedRun(podUid: string, status: ContainerStatus | undefined): RuntimeStatus[] {
  const { name, containerID: id, restartCount: attempt = 0, state } = status ?? {};
  if (id === undefined || name === undefined) return [];
  const { exitCode, startedAt = state?.running?.startedAt, finishedAt } = state?.terminated ?? {};
  const startedAtMs = parseTime(startedAt);
  const finishedAtMs = parseTime(finishedAt);
  return [
    {
      id,
      podUid,
      name,
      attempt,
      state: "exited",
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(startedAtMs === undefined ? {} : { startedAtMs }),
      ...(finishedAtMs === undefined ? {} : { finishedAtMs }),
    },
  ];
}
