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
  ignoreDifferences?: {
    group?: string;
    kind: string;
    name?: string;
    namespace?: string;
    jsonPointers?: string[];
  }[];
  revisionHistoryLimit?: number;
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
export interface ApplicationStatus {
  sync?: { status: "Synced" | "OutOfSync" | "Unknown"; revision?: string };
  health?: { status: string; message?: string };
  resources?: {
    group?: string;
    version: string;
    kind: string;
    namespace?: string;
    name: string;
    status?: string;
    health?: { status: string; message?: string };
  }[];
  conditions?: Condition[];
  history?: { id: number; revision: string; deployedAt: string; initiatedBy?: string }[];
  operationState?: {
    phase: "Running" | "Succeeded" | "Failed" | "Error" | "Terminating";
    message?: string;
    startedAt: string;
    finishedAt?: string;
    syncResult?: { revision: string };
  };
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
