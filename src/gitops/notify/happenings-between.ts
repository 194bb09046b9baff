/**
 * What happened to an Application between two states of it. Everything is read from its status, so
 * that whoever writes it need not know that there are notifications. Pure.
 */
import type { Condition } from "kubernetes-types/meta/v1";
import type {
  Application,
  ApplicationOperationState,
  ApplicationResourceRef,
} from "../../kube/kinds/application.ts";
import { keyOf } from "../../kube/object.ts";
import { sha256 } from "../plan/desired.ts";
import { formatRef } from "../plan/object-ref.ts";
import { refsOf } from "../report/resource-ref.ts";
import type { Happening, Mention } from "./happening.ts";

/** Of one happening: a message shows no more. */
const MAX_MENTIONS = 10;
const SHORT_REVISION = 12;
/** Conditions that stop an Application from following its repository. A failed sync tells itself. */
const TROUBLE = /^(?!SyncError$)(?:Invalid\w*|\w*Error|NotPermitted|RollbackFailed|FieldDispute)$/;
const POLICY = /Policy/;

export function happeningsBetween(before: Application, after: Application): Happening[] {
  return [
    ...syncs(before, after),
    ...deployment(before, after),
    ...health(before, after),
    ...trouble(before, after),
    ...drift(before, after),
    ...rollback(before, after),
    ...policy(before, after),
  ];
}

/** The outcome of the last sync, told again to those who missed it. */
export function lastOutcome(application: Application): Happening | undefined {
  return outcome(application);
}

type Details = Omit<Happening, "id" | "application" | "objects"> & {
  readonly objects?: readonly Mention[];
  /** What tells this happening from others of its trigger. */
  readonly distinction: readonly (string | undefined)[];
};

function happening(application: Application, details: Details): Happening {
  const { distinction, objects = [], ...rest } = details;
  // Of several sources the first may stay where it is.
  const others = application.status?.sync?.revisions ?? [];
  const facts = [application.metadata.uid, ...others, ...distinction].map((part) => part ?? "");
  return {
    ...rest,
    id: `${details.trigger}/${sha256(facts.join("\n")).slice(0, 16)}`,
    application,
    objects: objects.slice(0, MAX_MENTIONS),
  };
}

function syncs(before: Application, after: Application): Happening[] {
  const [was, is] = [before.status?.operationState, after.status?.operationState];
  if (is === undefined) return [];
  if (isSameState(was, is)) return settled(before, after);
  // Asking what a sync would do is no sync; the request is still there when its answer is written.
  if (after.operation?.sync?.dryRun === true) return [];
  if (is.phase === "Running" || is.phase === "Terminating") return progress(after, was, is);
  const found = outcome(after);
  return found === undefined ? [] : [found];
}

/** What failed is as it should be without another sync: the repository changed its mind, or somebody else did it. */
function settled(before: Application, after: Application): Happening[] {
  const [was, is] = [before.status?.sync, after.status?.sync];
  if (was?.status === "Synced" || is?.status !== "Synced") return [];
  return [
    happening(after, {
      trigger: "on-sync-succeeded",
      concern: "sync",
      severity: "info",
      reason: "SyncSucceeded",
      message: `${keyOf(after)}: in sync with ${short(is.revision)}: nothing to change`,
      ...revised(is.revision),
      endOf: "on-sync-failed",
      distinction: [is.revision],
    }),
  ];
}

/** Times count whole seconds: two syncs may have the same. */
const isSameState = (
  a: ApplicationOperationState | undefined,
  b: ApplicationOperationState,
): boolean =>
  a?.phase === b.phase &&
  a.startedAt === b.startedAt &&
  a.finishedAt === b.finishedAt &&
  a.message === b.message &&
  a.because === b.because &&
  a.syncResult?.revision === b.syncResult?.revision;

function progress(
  application: Application,
  was: ApplicationOperationState | undefined,
  is: ApplicationOperationState,
): Happening[] {
  const revision = is.syncResult?.revision;
  const isSame =
    was?.phase === "Running" &&
    was.startedAt === is.startedAt &&
    was.syncResult?.revision === revision;
  if (is.phase !== "Running" || isSame || is.because === "drift") return [];
  return [
    happening(application, {
      trigger: "on-sync-running",
      concern: "progress",
      severity: "info",
      reason: "SyncRunning",
      message: `${keyOf(application)}: syncing to ${short(revision)}`,
      ...described(is),
      distinction: [revision, is.startedAt],
    }),
  ];
}

function outcome(application: Application): Happening | undefined {
  const state = application.status?.operationState;
  if (state === undefined) return undefined;
  const name = keyOf(application);
  const revision = state.syncResult?.revision;
  const facts = described(state);
  const results = state.syncResult?.resources ?? [];
  if (state.phase === "Succeeded" && state.because === "drift")
    return happening(application, {
      trigger: "on-drift-healed",
      concern: "drift",
      severity: "info",
      reason: "DriftHealed",
      message: `${name}: objects that differed from Git were set right: ${named(results)}`,
      ...facts,
      objects: results.map(mention),
      distinction: [revision, state.startedAt],
    });
  if (state.phase === "Succeeded")
    return happening(application, {
      trigger: "on-sync-succeeded",
      concern: "sync",
      severity: "info",
      reason: "SyncSucceeded",
      message: `${name}: synced to ${short(revision)}${counted(state)}`,
      ...facts,
      // Whoever asks for a sync by hand is told of it, though the revision is the same.
      distinction: [revision, state.initiatedBy === undefined ? "" : state.startedAt],
    });
  if (state.phase !== "Failed" && state.phase !== "Error") return undefined;
  const failed = results.filter(({ status }) => status === "SyncFailed");
  return happening(application, {
    trigger: "on-sync-failed",
    concern: "sync",
    severity: "error",
    reason: "SyncFailed",
    message: `${name}: sync to ${short(revision)} failed: ${state.message ?? "no reason is known"}`,
    ...facts,
    objects: failed.map(mention),
    // The same failure at every retry is told once.
    distinction: [
      revision,
      ...(failed.length === 0 ? [withoutOutlook(state.message)] : failed.map(reasonFor)),
    ],
  });
}

function deployment(before: Application, after: Application): Happening[] {
  const isNew = isDeployed(after) && !isDeployed(before) && isOnItsWay(before);
  const revision = after.status?.sync?.revision;
  const state = after.status?.operationState;
  if (!isNew || state?.because === "drift") return [];
  return [
    happening(after, {
      trigger: "on-deployed",
      concern: "deployed",
      severity: "info",
      reason: "Deployed",
      message: `${keyOf(after)}: ${short(revision)} is deployed and healthy`,
      ...(state === undefined ? {} : described(state)),
      distinction: [revision],
    }),
  ];
}

function isDeployed({ status }: Application): boolean {
  return (
    status?.sync?.status === "Synced" &&
    status.health?.status === "Healthy" &&
    status.operationState?.phase === "Succeeded"
  );
}

/** What becomes healthy after it was degraded recovers: it was deployed before. */
const isOnItsWay = ({ status }: Application): boolean => status?.health?.status !== "Degraded";

function health(before: Application, after: Application): Happening[] {
  const [was, is] = [before.status?.health?.status, after.status?.health?.status];
  if (was === is || (is !== "Degraded" && is !== "Healthy")) return [];
  const name = keyOf(after);
  const revision = after.status?.sync?.revision;
  const common = { concern: "health", ...revised(revision) } as const;
  if (is === "Healthy")
    return [
      happening(after, {
        ...common,
        trigger: "on-health-recovered",
        severity: "info",
        reason: "HealthRecovered",
        message: `${name}: is healthy again`,
        endOf: "on-health-degraded",
        distinction: [revision],
      }),
    ];
  const why = after.status?.health?.message;
  const objects = (after.status?.resources ?? [])
    .filter((resource) => resource.health?.status === "Degraded")
    .map((resource) => ({ object: nameOf(resource), message: resource.health?.message ?? "" }));
  return [
    happening(after, {
      ...common,
      trigger: "on-health-degraded",
      severity: "error",
      reason: "HealthDegraded",
      message: `${name}: is degraded${why === undefined ? "" : `: ${why}`}`,
      objects,
      distinction: [revision, ...objects.map(({ object }) => object)],
    }),
  ];
}

function trouble(before: Application, after: Application): Happening[] {
  const [was, is] = [stated(before, TROUBLE), stated(after, TROUBLE)];
  const revision = after.status?.sync?.revision;
  const common = { concern: "trouble", ...revised(revision) } as const;
  if (is.length === 0 && was.length > 0)
    return [
      happening(after, {
        ...common,
        trigger: "on-trouble-resolved",
        severity: "info",
        reason: "TroubleResolved",
        message: `${keyOf(after)}: can follow its repository again`,
        endOf: "on-sync-status-unknown",
        distinction: [revision, ...was.map(({ type }) => type)],
      }),
    ];
  return is
    .filter((condition) => !was.some((known) => isSameCondition(known, condition)))
    .slice(0, 1)
    .map(({ type, reason, message }) =>
      happening(after, {
        ...common,
        trigger: "on-sync-status-unknown",
        severity: "error",
        reason,
        message: `${keyOf(after)}: ${message}`,
        distinction: [type, reason, revision],
      }),
    );
}

function drift(before: Application, after: Application): Happening[] {
  const [was, is] = [before.status, after.status];
  const isDrift =
    was?.sync?.status === "Synced" &&
    is?.sync?.status === "OutOfSync" &&
    was.sync.revision === is.sync.revision &&
    was.observedGeneration === is.observedGeneration &&
    before.metadata.generation === after.metadata.generation;
  if (!isDrift) return [];
  const differing = (is.resources ?? []).filter(({ status }) => status === "OutOfSync");
  return [
    happening(after, {
      trigger: "on-drift-detected",
      concern: "drift",
      severity: "error",
      reason: "DriftDetected",
      message: `${keyOf(after)}: differs from Git: ${named(differing)}`,
      ...revised(is.sync?.revision),
      objects: differing.map((resource) => ({
        object: nameOf(resource),
        message: resource.message ?? "differs from Git",
      })),
      distinction: [is.sync?.revision, ...differing.map(nameOf)],
    }),
  ];
}

function rollback(before: Application, after: Application): Happening[] {
  const [was, is] = [before.status?.rollback, after.status?.rollback];
  if (is === undefined || (was?.revision === is.revision && was.insteadOf === is.insteadOf))
    return [];
  return [
    happening(after, {
      trigger: "on-rollback",
      concern: "rollback",
      severity: is.automatic === true ? "error" : "info",
      reason: is.automatic === true ? "AutomaticRollback" : "RolledBack",
      message: `${keyOf(after)}: rolled back to ${short(is.revision)}, instead of ${short(is.insteadOf)}${is.reason === undefined ? "" : `: ${is.reason}`}`,
      revision: is.revision,
      distinction: [is.revision, is.insteadOf],
    }),
  ];
}

function policy(before: Application, after: Application): Happening[] {
  const was = stated(before, POLICY);
  return stated(after, POLICY)
    .filter(({ type }) => !TROUBLE.test(type))
    .filter(
      ({ type, message }) => !was.some((known) => known.type === type && known.message === message),
    )
    .slice(0, 1)
    .map(({ type, reason, message }) =>
      happening(after, {
        trigger: "on-policy-finding",
        concern: "policy",
        severity: /Warn/i.test(`${type}${reason}`) ? "info" : "error",
        reason,
        message: `${keyOf(after)}: ${message}`,
        ...revised(after.status?.sync?.revision),
        distinction: [type, reason, message],
      }),
    );
}

const stated = ({ status }: Application, types: RegExp): readonly Condition[] =>
  (status?.conditions ?? []).filter(
    (condition) => condition.status === "True" && types.test(condition.type),
  );
const isSameCondition = (a: Condition, b: Condition): boolean =>
  a.type === b.type && a.reason === b.reason;

function described(
  state: ApplicationOperationState,
): Pick<Happening, "revision" | "author" | "subject" | "plan"> {
  const { commit, plan } = state;
  return {
    ...revised(state.syncResult?.revision),
    ...(commit === undefined ? {} : { author: commit.author, subject: commit.subject }),
    ...(plan === undefined ? {} : { plan }),
  };
}

const revised = (revision: string | undefined): { revision?: string } =>
  revision === undefined ? {} : { revision };

function counted({ plan }: ApplicationOperationState): string {
  if (plan === undefined) return "";
  const { create, update, replace, prune } = plan;
  const counts = [
    [create, "created"],
    [update, "changed"],
    [replace, "replaced"],
    [prune, "pruned"],
  ] as const;
  const done = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `: ${done.length === 0 ? "nothing to change" : done.join(", ")}`;
}

type Result = ApplicationResourceRef & { readonly status?: string; readonly message?: string };
const mention = (result: Result): Mention => ({
  object: nameOf(result),
  message: result.message ?? result.status ?? "",
});
const reasonFor = (result: Result): string => `${nameOf(result)} ${result.message ?? ""}`;

/** What comes next counts the seconds, and differs at every attempt. */
const withoutOutlook = (message = ""): string => message.replace(/; trying again [^]*$/, "");

function nameOf(resource: ApplicationResourceRef): string {
  const [ref] = refsOf([resource]);
  return ref === undefined ? resource.name : formatRef(ref);
}

function named(resources: readonly ApplicationResourceRef[]): string {
  const shown = resources.slice(0, 3).map(nameOf).join(", ");
  return resources.length > 3 ? `${shown} and ${resources.length - 3} more` : shown;
}

const short = (revision = "an unknown revision"): string =>
  /^[0-9a-f]{40,64}$/.test(revision) ? revision.slice(0, SHORT_REVISION) : revision;
