/** The plan of an Application, with everything that guards its objects against being deleted. */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import { parseTime } from "../client/timestamps.ts";
import { type Application, sourcesOf } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import type { ApplicationManifests } from "./application-manifests.ts";
import type { ApplicationMemory } from "./application-memory.ts";
import type { Target } from "./application-target.ts";
import type { Claims } from "./plan/claims.ts";
import { type Derived, sha256 } from "./plan/desired.ts";
import type { ObjectRef } from "./plan/object-ref.ts";
import { type Plan, pruneForbidden } from "./plan/plan.ts";
import { type LiveObjects, makePlan } from "./plan/planner.ts";
import { syncOptionsOf } from "./plan/sync-options.ts";
import { trackingLabel } from "./plan/tracking.ts";
import { refsOf } from "./report/resource-ref.ts";
import { isApproved } from "./report/unconfirmed-deletions.ts";
import type { StageObserver } from "./report/stage-metrics.ts";

/**
 * How long others of a repository are waited for that cannot be asked: as long as a host may need
 * to come back, not as long as one that is gone.
 */
export const HANDOVER_PATIENCE_MS = 60_000;
/** Argo CD's, on the Application: when somebody approved of what asks for a confirmation. */
const APPROVAL_ANNOTATION = "argocd.argoproj.io/deletion-approved";

/** An Application with the manifests that count for it now. */
export interface Found {
  readonly application: Application;
  readonly memory: ApplicationMemory;
  readonly target: Target;
  readonly manifests: ApplicationManifests;
  readonly signal: AbortSignal;
}

export interface PlanDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly live: LiveObjects;
  readonly claims: Claims;
  readonly observer?: StageObserver;
}

export function planApplication(look: Found & Derived, deps: PlanDeps): Promise<Plan> {
  const { application, target, desired } = look;
  const { automated } = application.spec.syncPolicy ?? {};
  const { client, live, claims } = deps;
  const owner = trackingLabel(keyOf(application), sha256);
  return makePlan({
    client,
    live,
    owner,
    desired,
    inventory: refsOf(application.status?.resources),
    verdict: (other, objectKey) => claims.verdict(other, objectKey),
    prune: {
      options: syncOptionsOf(application),
      forbidden: pruneForbidden({
        enabled: application.operation?.sync?.prune ?? automated?.prune ?? false,
        rendered: look.unusable.length === 0 && target.trouble === undefined,
        complete: target.manifests?.complete !== false,
        empty: desired.length === 0,
        allowEmpty: automated?.allowEmpty ?? false,
      }),
      isConfirmed: (asking) => isConfirmed(application, asking),
      wantedBy: (objectKey) => claims.wantedBy(objectKey, owner),
      undecided: () => whoIsUndecided(look, owner, deps),
    },
    verified: look.memory.verified,
    signal: look.signal,
  });
}

/**
 * An object that this Application gave up may be one that another took up with the same commit:
 * before it is deleted all that share a repository have to have seen that commit.
 */
function whoIsUndecided(
  { application, memory }: Found,
  owner: string,
  { claims, clock }: PlanDeps,
): string | undefined {
  const repositories = repositoriesOf(application);
  const sinceMs = memory.newestSinceMs;
  const found = claims.undecided(owner, { repositories, sinceMs });
  if (found === undefined) return undefined;
  const name = found.label.replace(".", "/");
  if (found.why === "incomplete")
    return `is kept until the manifests of Application ${name}, of the same repository, have no errors: they may want it`;
  const leftMs = sinceMs + HANDOVER_PATIENCE_MS - clock.now();
  if (leftMs <= 0) return undefined;
  return `is kept until Application ${name}, of the same repository, has been looked at: it may want it`;
}

export function repositoriesOf({ spec }: Application): string[] {
  return sourcesOf(spec).map(({ repoURL }) => repoURL);
}

/** By the sync that was asked for, or by an annotation that came after the status named them. */
function isConfirmed(
  { metadata, operation, status }: Application,
  asking: readonly ObjectRef[],
): boolean {
  if (operation?.sync?.confirm === true) return true;
  return isApproved(status, asking, parseTime(metadata.annotations?.[APPROVAL_ANNOTATION]));
}

/** Approves of deleting what asks for that, after the deletion of the Application was requested. */
export function isDeletionConfirmed({ metadata }: Application): boolean {
  const approvedMs = parseTime(metadata.annotations?.[APPROVAL_ANNOTATION]);
  const deletedMs = parseTime(metadata.deletionTimestamp);
  return approvedMs !== undefined && deletedMs !== undefined && approvedMs >= deletedMs;
}
