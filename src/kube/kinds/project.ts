/** What a group of Applications may use. Gantry's own kind; names follow Argo CD's AppProject. */
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import type { SyncWindow } from "./application.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { invalid } from "./field-problems.ts";

export interface Project extends KubeObject {
  spec: ProjectSpec;
}
/**
 * Lists of what is allowed allow nothing when they are absent or empty, as in Argo CD; two allow
 * everything when they are absent: `namespaceResourceWhitelist` and `sourceNamespaces`.
 */
export interface ProjectSpec {
  description?: string;
  sourceNamespaces?: string[];
  /** Globs; `!` before one takes away. */
  sourceRepos?: string[];
  destinations?: ProjectDestination[];
  clusterResourceWhitelist?: ProjectKind[];
  clusterResourceBlacklist?: ProjectKind[];
  namespaceResourceWhitelist?: ProjectKind[];
  namespaceResourceBlacklist?: ProjectKind[];
  syncWindows?: SyncWindow[];
  severities?: RuleSeverity[];
}
/** What is absent allows everything; `!` before a glob takes away. */
export interface ProjectDestination {
  server?: string;
  name?: string;
  namespace?: string;
}
/** Globs. */
export interface ProjectKind {
  group: string;
  kind: string;
  name?: string;
}
/** Another severity of a policy or scanner rule; the rule may be a glob. */
export interface RuleSeverity {
  rule: string;
  severity: "error" | "warning" | "info" | "off";
}

/** The project of Applications that name none. */
export const DEFAULT_PROJECT = "default";

/** Entries of one list: what no team writes, and what bounds the checks of each object. */
const MAX_ENTRIES = 1000;

function validateProject({ spec }: Project): FieldError[] {
  return Object.entries(spec).flatMap(([field, value]) =>
    Array.isArray(value) && value.length > MAX_ENTRIES
      ? [invalid(`spec.${field}`, value.length, `may have at most ${MAX_ENTRIES} entries`)]
      : [],
  );
}

export const projects: Kind<Project> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Project",
  plural: "projects",
  singular: "project",
  namespaced: false,
  shortNames: ["proj"],
  get schema() {
    return builtinSchema("gantry.dev/v1", "Project");
  },
  columns: [
    nameColumn,
    textColumn<Project>(
      "Description",
      "For people.",
      ({ spec }: Partial<Project>) => spec?.description ?? "",
    ),
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateProject },
};
