import type { Application } from "../../kube/kinds/application.ts";
import { HEALTH_STATES, type Health, type HealthState, progressing } from "./health.ts";

/** An Application managed by another one is as healthy as it says. */
export function applicationHealth({ status }: Application): Health {
  const state = HEALTH_STATES.find(
    (known): known is HealthState => known === status?.health?.status,
  );
  if (state === undefined) return progressing("not reconciled yet");
  const message = status?.health?.message;
  return message === undefined ? { status: state } : { status: state, message };
}
