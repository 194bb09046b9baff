/**
 * One screen from the commit to the failing container: what an Application follows, how its last
 * sync went, what holds it, what is not healthy and why, and what to type next. Pure.
 */
import { type Application, mainSource } from "../../kube/kinds/application.ts";
import { ageSince } from "../../kube/kinds/human-duration.ts";
import { keyOf } from "../../kube/object.ts";
import { redactUrl } from "../source/repo-url.ts";
import type { Diagnosis } from "./diagnose.ts";
import { diagnosisLines } from "./diagnosis-lines.ts";

export interface Explanation {
  /** In sync with the newest revision, and healthy. */
  readonly isFine: boolean;
  /** The first thing to be said, in one line. */
  readonly summary: string;
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  /** The one command to type next. */
  readonly next?: string;
}

/** Conditions that say what is wrong, the most fundamental first; the others are for information. */
const TROUBLES = [
  "InvalidDestination",
  "InvalidIgnoreRule",
  "ComparisonError",
  "InvalidManifests",
  "PolicyViolation",
  "SyncError",
  "FieldDispute",
  "RollbackFailed",
  "RolledBack",
  "Suspended",
  "DependencyNotReady",
  "InvalidSyncWindow",
  "SyncWindow",
];
const MAX_FAILURES = 5;
const MAX_DRIFT = 5;
const SHORT = 12;

export function explain(
  application: Application,
  diagnoses: readonly Diagnosis[],
  nowMs: number,
): Explanation {
  const { status } = application;
  const conditions = (status?.conditions ?? []).filter((condition) => condition.status === "True");
  const troubles = conditions
    .filter(({ type }) => type !== "ManifestWarning")
    .toSorted((a, b) => rank(a.type) - rank(b.type));
  const sync = status?.sync?.status ?? "Unknown";
  const health = status?.health?.status ?? "Unknown";
  const isFine =
    sync === "Synced" && health === "Healthy" && troubles.length === 0 && diagnoses.length === 0;
  const sections = [
    { title: "commit", lines: commitLines(application, nowMs) },
    { title: "sync", lines: syncLines(application, nowMs) },
    ...troubles.map(({ type, message }) => ({ title: type, lines: message.split("\n") })),
    { title: "not healthy", lines: diagnoses.flatMap(diagnosisLines) },
    { title: "drift", lines: driftLines(application) },
  ].filter(({ lines }) => lines.length > 0);
  const next = isFine ? undefined : nextCommand(application, troubles[0]?.type, diagnoses);
  return {
    isFine,
    summary: `${keyOf(application)} is ${sync} and ${health}${isFine ? "" : `: ${firstReason(application, troubles[0], diagnoses)}`}`,
    sections,
    ...(next === undefined ? {} : { next }),
  };
}

const rank = (type: string): number => {
  const at = TROUBLES.indexOf(type);
  return at < 0 ? TROUBLES.length : at;
};

function commitLines({ spec, status }: Application, nowMs: number): string[] {
  const source = mainSource(spec);
  const where = `${redactUrl(source.repoURL)} ${source.chart ?? source.path ?? "."} at ${source.targetRevision ?? "HEAD"}`;
  const revision = status?.sync?.revision;
  if (revision === undefined) return [`none was read yet from ${where}`];
  const entry = status?.history?.findLast((known) => known.revision === revision);
  const commit =
    status?.operationState?.syncResult?.revision === revision
      ? status.operationState.commit
      : undefined;
  const author = entry?.author ?? commit?.author;
  const subject = entry?.message ?? commit?.subject;
  const when = entry === undefined ? "" : `, deployed ${ageSince(entry.deployedAt, nowMs)} ago`;
  return [
    `${revision.slice(0, SHORT)}${subject === undefined ? "" : ` ${subject}`}${author === undefined ? "" : ` (${author}${when})`}`,
    where,
  ];
}

function syncLines({ status }: Application, nowMs: number): string[] {
  const operation = status?.operationState;
  if (operation === undefined) return [];
  const {
    phase,
    message,
    startedAt,
    finishedAt,
    retryCount = 0,
    initiatedBy,
    syncResult,
  } = operation;
  const when =
    finishedAt === undefined
      ? `since ${ageSince(startedAt, nowMs)}`
      : `${ageSince(finishedAt, nowMs)} ago`;
  const who = initiatedBy === undefined ? "" : ` by ${initiatedBy}`;
  const again = retryCount === 0 ? "" : `, attempt ${retryCount + 1}`;
  const failed = (syncResult?.resources ?? []).filter(
    (resource) => resource.status === "SyncFailed" || resource.hookPhase === "Failed",
  );
  return [
    `${phase} ${when}${who}${again}${message === undefined || message === "" ? "" : `: ${message}`}`,
    ...failed
      .slice(0, MAX_FAILURES)
      .map(
        ({ kind, namespace, name, message: why = "" }) =>
          `${kind.toLowerCase()}/${name}${namespace === undefined ? "" : ` in ${namespace}`}: ${why}`,
      ),
    ...(failed.length > MAX_FAILURES ? [`and ${failed.length - MAX_FAILURES} more`] : []),
  ];
}

function driftLines({ status }: Application): string[] {
  return (status?.drift ?? [])
    .filter(({ healedAt }) => healedAt === undefined)
    .slice(-MAX_DRIFT)
    .flatMap(({ kind, name, change, fields = [] }) => [
      `${kind.toLowerCase()}/${name} was ${change === "Deleted" ? "deleted" : "changed"}`,
      ...fields.map(
        ({ path, live = "nothing", git = "nothing", manager, user, at }) =>
          `  ${path}: ${live} instead of ${git}${manager === undefined ? "" : `, by ${manager}${user === undefined ? "" : ` (${user})`}${at === undefined ? "" : ` at ${at}`}`}`,
      ),
    ]);
}

function firstReason(
  { status }: Application,
  trouble: { readonly message: string } | undefined,
  [diagnosis]: readonly Diagnosis[],
): string {
  if (trouble !== undefined) return firstLine(trouble.message);
  if (diagnosis?.cause !== undefined) return firstLine(diagnosis.cause.message);
  const operation = status?.operationState;
  if (operation !== undefined && operation.phase !== "Succeeded" && operation.message !== undefined)
    return firstLine(operation.message);
  return firstLine(status?.health?.message ?? "it was not looked at yet");
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";

/** By what stands in the way first. */
function nextCommand(
  { metadata, spec }: Application,
  trouble: string | undefined,
  [diagnosis]: readonly Diagnosis[],
): string {
  const name =
    metadata.namespace === "default"
      ? metadata.name
      : `${metadata.name} --namespace ${metadata.namespace ?? ""}`;
  switch (trouble) {
    case "InvalidManifests":
    case "PolicyViolation":
      return `gantry validate ${mainSource(spec).path ?? "."}`;
    case "ComparisonError":
      return "gantry doctor";
    case "Suspended":
      return `gantry resume ${name}`;
    case "RolledBack":
      return `gantry diff ${name}`;
    case undefined:
      break;
    default:
      if (diagnosis === undefined) return `gantry status ${name}`;
  }
  return diagnosis?.next ?? `gantry diff ${name}`;
}
