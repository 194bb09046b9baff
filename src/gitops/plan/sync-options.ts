/**
 * What users ask of the sync, for the whole Application (`spec.syncPolicy.syncOptions`) or for one
 * object (annotations). Those of Argo CD and Flux that repositories already carry are honoured.
 */
import type { KubeObject } from "../../kube/object.ts";

const ARGO_OPTIONS = "argocd.argoproj.io/sync-options";
const ARGO_COMPARE_OPTIONS = "argocd.argoproj.io/compare-options";
const FLUX_PREFIX = "kustomize.toolkit.fluxcd.io/";
const HELM_POLICY = "helm.sh/resource-policy";

export interface SyncOptions {
  readonly prune: boolean;
  /** Whether deleting the Application deletes the object. */
  readonly delete: boolean;
  /** Delete and create again where an update is refused. */
  readonly force: boolean;
  readonly createNamespace: boolean;
  readonly prunePropagation: "Background" | "Foreground" | "Orphan";
  /** Leave the object alone once it exists. */
  readonly ifNotPresent: boolean;
  /** Leave the object alone altogether. */
  readonly ignore: boolean;
  /** An object that the repository does not have is no difference. */
  readonly ignoreExtraneous: boolean;
}

const DEFAULTS: SyncOptions = {
  prune: true,
  delete: true,
  force: false,
  createNamespace: false,
  prunePropagation: "Background",
  ifNotPresent: false,
  ignore: false,
  ignoreExtraneous: false,
};

const PROPAGATION: Readonly<Record<string, SyncOptions["prunePropagation"]>> = {
  background: "Background",
  foreground: "Foreground",
  orphan: "Orphan",
};

/** Each option by its spelling in lower case; a later one wins over an earlier one. */
function fromWords(words: readonly string[], base: SyncOptions): SyncOptions {
  let options = base;
  for (const word of words) {
    const [name = "", value = ""] = word.trim().toLowerCase().split("=");
    if (name === "prune") options = { ...options, prune: value !== "false" && value !== "confirm" };
    else if (name === "delete")
      options = { ...options, delete: value !== "false" && value !== "confirm" };
    else if (name === "force" || name === "replace")
      options = { ...options, force: value === "true" };
    else if (name === "createnamespace")
      options = { ...options, createNamespace: value === "true" };
    else if (name === "prunepropagationpolicy")
      options = { ...options, prunePropagation: PROPAGATION[value] ?? options.prunePropagation };
  }
  return options;
}

/** The options of a whole Application. */
export function applicationOptions(words: readonly string[] | undefined): SyncOptions {
  return fromWords(words ?? [], DEFAULTS);
}

/** The options of one object: its own annotations win over the Application's. */
export function objectOptions(object: KubeObject, application: SyncOptions): SyncOptions {
  const annotations = object.metadata.annotations ?? {};
  const flux = (name: string): string =>
    (
      annotations[FLUX_PREFIX + name] ??
      object.metadata.labels?.[FLUX_PREFIX + name] ??
      ""
    ).toLowerCase();
  let options = fromWords((annotations[ARGO_OPTIONS] ?? "").split(","), application);
  if (flux("prune") === "disabled" || annotations[HELM_POLICY] === "keep")
    options = { ...options, prune: false, delete: false };
  if (flux("force") === "enabled") options = { ...options, force: true };
  if (flux("reconcile") === "disabled" || flux("ssa") === "ignore")
    options = { ...options, ignore: true };
  if (/\bIgnoreExtraneous\b/i.test(annotations[ARGO_COMPARE_OPTIONS] ?? ""))
    options = { ...options, ignoreExtraneous: true };
  if (flux("ssa") === "ifnotpresent") options = { ...options, ifNotPresent: true };
  return options;
}
