/** Gantry's own kind: a source in Git, a destination and a sync policy. Names follow Argo CD. */
import type { Condition } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { JsonObject, KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { forbidden, required } from "./field-problems.ts";

export interface Application extends KubeObject {
  spec: ApplicationSpec;
  status?: ApplicationStatus;
  /** Requests a sync or a rollback; the operator removes it when it starts. */
  operation?: ApplicationOperation;
}
export interface ApplicationSpec {
  /** Whose rules hold. @default "default" */
  project?: string;
  /** Exactly one of `source` and `sources` is given; {@link sourcesOf} reads either. */
  source?: ApplicationSource;
  sources?: ApplicationSource[];
  destination: { server?: string; name?: string; namespace?: string };
  syncPolicy?: SyncPolicy;
  suspend?: boolean;
  /** Applications that must be in sync and healthy first. */
  dependsOn?: { name: string; namespace?: string; readyExpr?: string }[];
  ignoreDifferences?: IgnoreDifference[];
  healthChecks?: HealthCheckExpressions[];
  /** Variables put into the rendered manifests, as in Flux. */
  postBuild?: {
    substitute?: Record<string, string>;
    substituteFrom?: { kind: "ConfigMap" | "Secret"; name: string; optional?: boolean }[];
  };
  decryption?: { provider: "sops"; secretRef?: { name: string } };
  revisionHistoryLimit?: number;
}
/** Health of one kind by CEL expressions over its fields, as in Flux. */
export interface HealthCheckExpressions {
  apiVersion: string;
  kind: string;
  current: string;
  inProgress?: string;
  failed?: string;
}
/** Fields that others may change in objects of a kind. */
export interface IgnoreDifference {
  /** Empty or absent: the core group. `*`: every group. */
  group?: string;
  kind: string;
  name?: string;
  namespace?: string;
  /** RFC 6901. */
  jsonPointers?: string[];
  jqPathExpressions?: string[];
  /** Fields that one of these managers owns. */
  managedFieldsManagers?: string[];
}
export interface ApplicationSource {
  /** Git over https or ssh, a path of this machine, a Helm repository (with `chart`), or `oci://`. */
  repoURL: string;
  targetRevision?: string;
  path?: string;
  chart?: string;
  /** By this name `valueFiles` of other sources refer to files here: `$name/path`. */
  ref?: string;
  name?: string;
  submodules?: boolean;
  verify?: { mode?: "HEAD" | "Tag" | "TagAndHEAD"; secretRef: { name: string } };
  directory?: { recurse?: boolean; include?: string; exclude?: string };
  kustomize?: KustomizeSource;
  helm?: HelmSource;
}
export interface KustomizeSource {
  namePrefix?: string;
  nameSuffix?: string;
  namespace?: string;
  commonLabels?: Record<string, string>;
  labelWithoutSelector?: boolean;
  commonAnnotations?: Record<string, string>;
  images?: string[];
  replicas?: { name: string; count: number }[];
  components?: string[];
  patches?: { target?: JsonObject; patch?: string; path?: string; options?: JsonObject }[];
}
export interface HelmSource {
  releaseName?: string;
  namespace?: string;
  valueFiles?: string[];
  ignoreMissingValueFiles?: boolean;
  values?: string;
  valuesObject?: JsonObject;
  parameters?: { name: string; value?: string; forceString?: boolean }[];
  fileParameters?: { name: string; path: string }[];
  skipCrds?: boolean;
  skipTests?: boolean;
  skipSchemaValidation?: boolean;
  kubeVersion?: string;
  apiVersions?: string[];
}
export interface Backoff {
  /** Go-style durations: `30s`, `5m`. */
  duration?: string;
  factor?: number;
  maxDuration?: string;
}
export interface SyncPolicy {
  automated?: {
    enabled?: boolean;
    prune?: boolean;
    selfHeal?: boolean;
    allowEmpty?: boolean;
    selfHealBackoff?: Backoff;
  };
  syncOptions?: string[];
  retry?: { limit?: number; backoff?: Backoff };
  /** @default BestEffort */
  mode?: "BestEffort" | "Transactional";
  /** How long one sync may take, waves, hooks and health gates included. */
  timeout?: string;
  managedNamespaceMetadata?: {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  automaticRollback?: { timeout?: string };
  windows?: SyncWindow[];
}
/** A recurring time in which syncs are allowed or denied. */
export interface SyncWindow {
  kind: "allow" | "deny";
  /** Five cron fields. */
  schedule: string;
  duration: string;
  timeZone?: string;
  manualSync?: boolean;
  syncOverrun?: boolean;
  /** @default sync */
  appliesTo?: "sync" | "selfHeal";
  /** These three only in a Project. */
  applications?: string[];
  namespaces?: string[];
  clusters?: string[];
  description?: string;
}
export interface ApplicationOperation {
  sync?: {
    revision?: string;
    prune?: boolean;
    dryRun?: boolean;
    /** Only these objects; hooks are left out. */
    resources?: { group?: string; kind: string; namespace?: string; name: string }[];
    syncOptions?: string[];
    force?: boolean;
    /** Carries out what asks for a confirmation. */
    confirm?: boolean;
  };
  initiatedBy?: { username?: string };
}
export interface ApplicationHealth {
  status: string;
  message?: string;
}
/** Names an object that the Application manages. */
export interface ApplicationResourceRef {
  group?: string;
  version: string;
  kind: string;
  namespace?: string;
  name: string;
}
export interface ApplicationResource extends ApplicationResourceRef {
  status?: "Synced" | "OutOfSync" | "Unknown";
  /** Why it is not in sync. */
  message?: string;
  health?: ApplicationHealth;
  /** The repository no longer has it, and it is not pruned. */
  requiresPruning?: boolean;
}
export interface ApplicationHistoryEntry {
  id: number;
  revision: string;
  /** With several sources, the revision of each, in their order. */
  revisions?: string[];
  deployedAt: string;
  initiatedBy?: string;
  author?: string;
  message?: string;
  /** @default Succeeded */
  outcome?: "Succeeded" | "Failed";
  startedAt?: string;
  durationSeconds?: number;
  plan?: { create: number; update: number; replace: number; prune: number };
  retryCount?: number;
  /** Why it failed. */
  error?: string;
  /** Why it was gone back to. */
  rollback?: string;
}
/** What others changed in one object. */
export interface ApplicationDrift extends ApplicationResourceRef {
  change: "Changed" | "Deleted";
  fields?: ApplicationDriftField[];
  detectedAt: string;
  /** Absent: it is still so. */
  healedAt?: string;
}
export interface ApplicationDriftField {
  path: string;
  /** Absent: the field is not there. */
  live?: string;
  git?: string;
  /** Field manager that wrote it, the user behind it where that is known, and when. */
  manager?: string;
  user?: string;
  at?: string;
}
/** What became of one object, or of one run of a hook. */
export interface ApplicationOperationResource extends ApplicationResourceRef {
  /** Synced, SyncFailed, Pruned or PruneSkipped. */
  status: string;
  message?: string;
  /** Of a hook: the phase that it ran in. */
  syncPhase?: string;
  hookPhase?: "Running" | "Succeeded" | "Failed";
}
export interface ApplicationOperationState {
  /** Which sync of which request and manifests: what a restarted operator goes on with. */
  id?: string;
  phase: "Running" | "Succeeded" | "Failed" | "Error" | "Terminating";
  message?: string;
  startedAt: string;
  finishedAt?: string;
  retryCount?: number;
  initiatedBy?: string;
  /** Why it was started: `operation`, `revision`, `retry` or `drift`. */
  because?: string;
  /** What `syncResult.revision` is. */
  commit?: { author: string; subject: string };
  /** How many objects the plan meant to change, by action. */
  plan?: { create: number; update: number; replace: number; prune: number };
  syncResult?: {
    revision: string;
    resources?: ApplicationOperationResource[];
  };
}
export interface ApplicationRollback {
  revision: string;
  /** Kept out until there is a newer commit. */
  insteadOf: string;
  /** Why. */
  reason?: string;
  since?: string;
  /** Made by `syncPolicy.automaticRollback`. */
  automatic?: boolean;
}
export interface ApplicationStatus {
  sync?: {
    status: "Synced" | "OutOfSync" | "Unknown";
    revision?: string;
    revisions?: string[];
  };
  health?: ApplicationHealth;
  resources?: ApplicationResource[];
  conditions?: Condition[];
  history?: ApplicationHistoryEntry[];
  /** Newest last. */
  drift?: ApplicationDrift[];
  operationState?: ApplicationOperationState;
  /** The last revision with which everything agreed, and a hash of the Application's spec then. */
  lastSynced?: { revision: string; specHash: string };
  /** A revision asked for by hand: automation keeps to it until there is a newer commit than `insteadOf`. */
  rollback?: ApplicationRollback;
  /** The last revision with which everything was in sync and healthy. */
  lastHealthy?: { revision: string; specHash: string };
  /** Since when an object that exists has not been healthy. */
  unhealthySince?: string;
  observedGeneration?: number;
  reconciledAt?: string;
  summary?: { images?: string[]; externalURLs?: string[] };
}

/**
 * One text for what all sources were at: the revision or, with several sources, that of each with
 * commas between them. `operation.sync.revision` takes either.
 */
export function revisionId(revision: string, revisions: readonly string[] = []): string {
  return revisions.length > 1 ? revisions.join(",") : revision;
}

/** The revisions that were synced, newest last: what there is to go back to. */
export function deployments(status: ApplicationStatus | undefined): ApplicationHistoryEntry[] {
  return (status?.history ?? []).filter(({ outcome }) => outcome !== "Failed");
}

/** The sources of an Application, one or several; a validated Application has at least one. */
export function sourcesOf({ source, sources }: ApplicationSpec): readonly ApplicationSource[] {
  return sources ?? (source === undefined ? [] : [source]);
}

/** The first source: what status and history call the revision. */
export function mainSource(spec: ApplicationSpec): ApplicationSource {
  const [first] = sourcesOf(spec);
  if (first === undefined) throw new Error("the Application names no source");
  return first;
}

/** Exactly one of the two forms, and never none. */
function validateSources({ spec }: Application): FieldError[] {
  if (spec.source !== undefined && spec.sources !== undefined)
    return [forbidden("spec.sources", "may not be given together with spec.source")];
  if (sourcesOf(spec).length > 0) return [];
  return [required("spec.source")];
}

export const applications: Kind<Application> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Application",
  plural: "applications",
  singular: "application",
  namespaced: true,
  shortNames: ["app"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gantry.dev/v1", "Application");
  },
  columns: [
    { name: "Name", type: "string", format: "name", cell: (app) => app.metadata.name },
    { name: "Sync", type: "string", cell: (app) => app.status?.sync?.status ?? "Unknown" },
    { name: "Health", type: "string", cell: (app) => app.status?.health?.status ?? "Unknown" },
    { name: "Revision", type: "string", cell: (app) => app.status?.sync?.revision ?? "" },
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateSources },
};
