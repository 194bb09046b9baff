/** Gantry's own kind: a source in Git, a destination and a sync policy. Names follow Argo CD. */
import type { Condition } from "kubernetes-types/meta/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export interface Application extends KubeObject {
  spec: ApplicationSpec;
  status?: ApplicationStatus;
  /** Requests a sync or a rollback; the operator removes it when it starts. */
  operation?: ApplicationOperation;
}
export interface ApplicationSpec {
  source: ApplicationSource;
  destination: { server?: string; name?: string; namespace?: string };
  syncPolicy?: SyncPolicy;
  suspend?: boolean;
  ignoreDifferences?: IgnoreDifference[];
  revisionHistoryLimit?: number;
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
}
export interface ApplicationSource {
  repoURL: string;
  targetRevision?: string;
  path?: string;
  directory?: { recurse?: boolean; include?: string; exclude?: string };
}
export interface SyncPolicy {
  automated?: { enabled?: boolean; prune?: boolean; selfHeal?: boolean; allowEmpty?: boolean };
  syncOptions?: string[];
  retry?: {
    limit?: number;
    backoff?: { duration?: string; factor?: number; maxDuration?: string };
  };
}
export interface ApplicationOperation {
  sync?: { revision?: string; prune?: boolean; dryRun?: boolean };
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
  deployedAt: string;
  initiatedBy?: string;
  author?: string;
  message?: string;
}
export interface ApplicationOperationState {
  phase: "Running" | "Succeeded" | "Failed" | "Error" | "Terminating";
  message?: string;
  startedAt: string;
  finishedAt?: string;
  retryCount?: number;
  initiatedBy?: string;
  syncResult?: {
    revision: string;
    resources?: (ApplicationResourceRef & { status: string; message?: string })[];
  };
}
export interface ApplicationStatus {
  sync?: { status: "Synced" | "OutOfSync" | "Unknown"; revision?: string };
  health?: ApplicationHealth;
  resources?: ApplicationResource[];
  conditions?: Condition[];
  history?: ApplicationHistoryEntry[];
  operationState?: ApplicationOperationState;
  /** The last revision with which everything agreed, and a hash of the Application's spec then. */
  lastSynced?: { revision: string; specHash: string };
  /** A revision asked for by hand: automation keeps to it until there is a newer commit than `insteadOf`. */
  rollback?: { revision: string; insteadOf: string };
  observedGeneration?: number;
  reconciledAt?: string;
  summary?: { images?: string[]; externalURLs?: string[] };
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
  strategy: { validateName: dns1123Subdomain },
};
