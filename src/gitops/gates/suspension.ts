/** Who suspended an Application and when: annotations that `gantry suspend` writes. Pure. */
import { parseTime } from "../../client/timestamps.ts";
import type { Application } from "../../kube/kinds/application.ts";

export const SUSPENDED_BY = "gantry.dev/suspended-by";
/** RFC 3339. */
export const SUSPENDED_AT = "gantry.dev/suspended-at";
/** A name is shown, not a novel. */
const MAX_NAME_CHARACTERS = 100;

/** `suspended by ada since 2026-07-01T12:00:00Z`; undefined when it is not suspended. */
export function describeSuspension({ metadata, spec }: Application): string | undefined {
  if (spec.suspend !== true) return undefined;
  const { [SUSPENDED_BY]: by, [SUSPENDED_AT]: at } = metadata.annotations ?? {};
  const name = by === undefined ? "" : ` by ${by.slice(0, MAX_NAME_CHARACTERS)}`;
  const since = parseTime(at) === undefined ? "" : ` since ${at ?? ""}`;
  return `suspended${name}${since}`;
}

/** Whether it was suspended while a sync was under way, which began at this time. */
export function wasSuspendedSince({ metadata, spec }: Application, startedAtMs: number): boolean {
  const atMs = parseTime(metadata.annotations?.[SUSPENDED_AT]);
  // Times are written in whole seconds.
  return spec.suspend === true && atMs !== undefined && atMs >= startedAtMs;
}
