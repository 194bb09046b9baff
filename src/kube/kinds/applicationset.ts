/** Makes many Applications from one template and lists of parameters. Names follow Argo CD. */
import type { Condition, LabelSelector } from "kubernetes-types/meta/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { JsonObject, KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { invalid } from "./field-problems.ts";

export interface ApplicationSet extends KubeObject {
  spec: ApplicationSetSpec;
  status?: ApplicationSetStatus;
}
export interface ApplicationSetSpec {
  generators: ApplicationSetGenerator[];
  template: ApplicationTemplate;
  /** Accepted for Argo CD's sake: both ways of writing a parameter always work. */
  goTemplate?: boolean;
  goTemplateOptions?: string[];
  syncPolicy?: {
    /** @default sync */
    applicationsSync?: "create-only" | "create-update" | "create-delete" | "sync";
    preserveResourcesOnDeletion?: boolean;
  };
  deletionGuard?: {
    /** A count, or a percentage as `30%`. @default half, once more than three are to go */
    maxDeletions?: number | string;
    /** Whether generators that yield nothing delete everything. @default false */
    allowEmpty?: boolean;
  };
}
/** Metadata and spec of an Application; every string may hold `{{ parameters }}`. */
export interface ApplicationTemplate {
  metadata: {
    name?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
  };
  spec: JsonObject;
}
/** Exactly one of the generators is given. */
export interface ApplicationSetGenerator {
  list?: ListGenerator;
  git?: GitGenerator;
  matrix?: { generators: ApplicationSetGenerator[] };
  merge?: { mergeKeys: string[]; generators: ApplicationSetGenerator[] };
  pullRequest?: PullRequestGenerator;
  /** Keeps the parameter sets whose flattened values match as labels would. */
  selector?: LabelSelector;
}
export interface ListGenerator {
  elements: JsonObject[];
}
export interface GitGenerator {
  repoURL: string;
  revision?: string;
  directories?: { path: string; exclude?: boolean }[];
  files?: { path: string; exclude?: boolean }[];
  pathParamPrefix?: string;
  values?: Record<string, string>;
  requeueAfterSeconds?: number;
}
/** Any endpoint that answers with a list of pull requests as JSON: that of a forge, or one's own. */
export interface PullRequestGenerator {
  url: string;
  /** Secret with `token`, or `username` and `password`. */
  secretRef?: { name: string };
  /** Dotted path of the list in the answer, where the answer is no list itself. */
  itemsPath?: string;
  /** Dotted paths in an item; those of GitHub, Gitea, GitLab and Bitbucket are known. */
  fields?: Record<string, string>;
  filters?: { branchMatch?: string; targetBranchMatch?: string; titleMatch?: string }[];
  labels?: string[];
  values?: Record<string, string>;
  requeueAfterSeconds?: number;
}
export interface ApplicationSetStatus {
  conditions?: Condition[];
  applications?: { name: string; status: string; message?: string }[];
  observedGeneration?: number;
}

/** The generators of which each entry names exactly one. */
export const GENERATOR_NAMES = ["list", "git", "matrix", "merge", "pullRequest"] as const;
/** A matrix of matrices of lists: deeper ones are mistakes, and multiply. */
const MAX_GENERATOR_DEPTH = 3;

function validateApplicationSet({ spec }: ApplicationSet): FieldError[] {
  return spec.generators.flatMap((generator, at) =>
    validateGenerator(generator, `spec.generators[${at}]`, 1),
  );
}

function validateGenerator(
  generator: ApplicationSetGenerator,
  field: string,
  depth: number,
): FieldError[] {
  if (depth > MAX_GENERATOR_DEPTH)
    return [invalid(field, "…", `generators nest at most ${MAX_GENERATOR_DEPTH} deep`)];
  const given = GENERATOR_NAMES.filter((name) => generator[name] !== undefined);
  if (given.length !== 1)
    return [invalid(field, given, `must be exactly one of ${GENERATOR_NAMES.join(", ")}`)];
  const [name = "list"] = given;
  const { git, matrix, merge } = generator;
  if (git !== undefined && (git.directories === undefined) === (git.files === undefined))
    return [invalid(`${field}.git`, "", "must have either directories or files")];
  const inner = matrix?.generators ?? merge?.generators;
  if (inner === undefined) return [];
  if (inner.length < 2)
    return [invalid(`${field}.${name}.generators`, inner.length, "must be two or more")];
  return inner.flatMap((child, at) =>
    validateGenerator(child, `${field}.${name}.generators[${at}]`, depth + 1),
  );
}

export const applicationSets: Kind<ApplicationSet> = {
  group: "gantry.dev",
  version: "v1",
  kind: "ApplicationSet",
  plural: "applicationsets",
  singular: "applicationset",
  namespaced: true,
  shortNames: ["appset"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("gantry.dev/v1", "ApplicationSet");
  },
  columns: [
    { name: "Name", type: "string", format: "name", cell: (set) => set.metadata.name },
    {
      name: "Applications",
      type: "integer",
      cell: (set) => set.status?.applications?.length ?? 0,
    },
    {
      name: "Ready",
      type: "string",
      cell: (set) =>
        set.status?.conditions?.find(({ type }) => type === "ResourcesUpToDate")?.status ??
        "Unknown",
    },
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateApplicationSet },
};
