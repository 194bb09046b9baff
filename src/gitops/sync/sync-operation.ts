/**
 * Which sync of an Application is under way. Its id says what it is about, so that a look, be it
 * the first after a restart, knows whether it goes on with it or supersedes it. Pure.
 *
 * `<number>-<what>[-g<generation>]`: the number tells repeated syncs of the same apart, the
 * generation which request one carries out.
 */
import type {
  Application,
  ApplicationOperationResource,
  ApplicationOperationState,
} from "../../kube/kinds/application.ts";
import { sha256 } from "../plan/desired.ts";
import type { Subject } from "../sync-decision.ts";

/** Enough to tell the few things apart that one Application is ever synced to. */
const HASH_CHARACTERS = 12;

export interface SyncOperation {
  readonly id: string;
  /** Nothing of it has been done or written yet. */
  readonly isNew: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly because: string;
  /** What became of objects and hooks so far. */
  readonly resources: readonly ApplicationOperationResource[];
}

/** The sync under way when it is about this subject, else the next one. */
export function operationFor(
  application: Application,
  subject: Subject,
  because: string,
  now: string,
): SyncOperation {
  const state = application.status?.operationState;
  const what = whatOf(application, subject);
  const [number = 0, before] = parseId(state?.id);
  if (state?.phase === "Running" && state.id !== undefined && before === what) {
    const { id, startedAt, syncResult } = state;
    const resources = syncResult?.resources ?? [];
    return { id, isNew: false, startedAt, because: state.because ?? because, resources };
  }
  return { id: `${number + 1}-${what}`, isNew: true, startedAt: now, because, resources: [] };
}

/** Whether a sync of this subject has begun and not come to its end. */
export function isUnderWay(application: Application, subject: Subject): boolean {
  return !operationFor(application, subject, "", "").isNew;
}

/** The requested sync has ended, and only the request is left: its operator was killed in between. */
export function isCarriedOut({ metadata, operation, status }: Application): boolean {
  const state = status?.operationState;
  if (operation === undefined || state === undefined || isRunning(state)) return false;
  return state.id?.endsWith(`-g${metadata.generation ?? 0}`) === true;
}

export const isRunning = (state: ApplicationOperationState | undefined): boolean =>
  state?.phase === "Running";

function whatOf({ metadata, operation }: Application, { content, specHash }: Subject): string {
  const hash = sha256(JSON.stringify([metadata.uid, content, specHash]));
  const request = operation === undefined ? "" : `-g${metadata.generation ?? 0}`;
  return `${hash.slice(0, HASH_CHARACTERS)}${request}`;
}

function parseId(id: string | undefined): [number?, string?] {
  const match = /^(\d{1,15})-(.+)$/.exec(id ?? "");
  return match === null ? [] : [Number(match[1]), match[2] ?? ""];
}
