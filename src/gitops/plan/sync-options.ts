/**
 * What users ask of the sync, for the whole Application (`spec.syncPolicy.syncOptions`), for one
 * sync (`operation.sync.syncOptions`) or for one object (annotations). Those of Argo CD, Flux, kapp
 * and Kluctl that repositories already carry are honoured. Without effect, because Gantry always
 * works that way: `ServerSideApply`, `ApplyOutOfSyncOnly`, `FailOnSharedResource` and
 * `RespectIgnoreDifferences`.
 */
import type { Application } from "../../kube/kinds/application.ts";
import type { KubeObject } from "../../kube/object.ts";

const ARGO_OPTIONS = "argocd.argoproj.io/sync-options";
const ARGO_COMPARE_OPTIONS = "argocd.argoproj.io/compare-options";
const FLUX_PREFIX = "kustomize.toolkit.fluxcd.io/";
const HELM_POLICY = "helm.sh/resource-policy";
const KAPP_PREFIX = "kapp.k14s.io/";
const KLUCTL_SKIP_DELETE = "kluctl.io/skip-delete";

export interface SyncOptions {
  readonly prune: boolean | "confirm";
  /** Whether deleting the Application deletes the object. */
  readonly delete: boolean | "confirm";
  /** Prune when everything else is applied and healthy. */
  readonly pruneLast: boolean;
  /** Delete and create again where an update is refused. */
  readonly force: boolean;
  /** Replace the object by the manifest instead of merging the two. */
  readonly replace: boolean;
  /** Refuse unknown and repeated fields. */
  readonly validate: boolean;
  /** Wait for a kind that is not served yet, instead of complaining. */
  readonly awaitKind: boolean;
  readonly createNamespace: boolean;
  readonly prunePropagation: "Background" | "Foreground" | "Orphan";
  /** Take over the fields of kubectl, Argo CD, Flux and Helm when an object is adopted. */
  readonly takeOver: boolean;
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
  pruneLast: false,
  force: false,
  replace: false,
  validate: true,
  awaitKind: false,
  createNamespace: false,
  prunePropagation: "Background",
  takeOver: true,
  ifNotPresent: false,
  ignore: false,
  ignoreExtraneous: false,
};

const PROPAGATION: ReadonlyMap<string, SyncOptions["prunePropagation"]> = new Map([
  ["background", "Background"],
  ["foreground", "Foreground"],
  ["orphan", "Orphan"],
]);

const unless = (value: string): boolean | "confirm" =>
  value === "confirm" ? "confirm" : value !== "false";

/** What each option changes, by its spelling in lower case. */
const OPTIONS: Readonly<Record<string, (value: string) => Partial<SyncOptions>>> = {
  prune: (value) => ({ prune: unless(value) }),
  delete: (value) => ({ delete: unless(value) }),
  prunelast: (value) => ({ pruneLast: value === "true" }),
  force: (value) => ({ force: value === "true" }),
  replace: (value) => ({ replace: value === "true" }),
  validate: (value) => ({ validate: value !== "false" }),
  skipdryrunonmissingresource: (value) => ({ awaitKind: value === "true" }),
  createnamespace: (value) => ({ createNamespace: value === "true" }),
  clientsideapplymigration: (value) => ({ takeOver: value !== "false" }),
  prunepropagationpolicy: (value) => {
    const prunePropagation = PROPAGATION.get(value);
    return prunePropagation === undefined ? {} : { prunePropagation };
  },
};

/** A later word wins over an earlier one; unknown ones are left to those who know them. */
function fromWords(words: readonly string[], base: SyncOptions): SyncOptions {
  return words.reduce((options, word) => {
    const [name = "", value = ""] = word.trim().toLowerCase().split("=");
    // Words are anybody's: `__proto__` is none of ours.
    return Object.hasOwn(OPTIONS, name) ? { ...options, ...OPTIONS[name]?.(value) } : options;
  }, base);
}

/** The options of a whole Application. */
export function applicationOptions(words: readonly string[] | undefined): SyncOptions {
  return fromWords(words ?? [], DEFAULTS);
}

/** The options that hold now: what a requested sync asks for wins over the policy. */
export function syncOptionsOf({ spec, operation }: Application): SyncOptions {
  const { syncOptions = [], force = false } = operation?.sync ?? {};
  const options = applicationOptions([...(spec.syncPolicy?.syncOptions ?? []), ...syncOptions]);
  return force ? { ...options, force } : options;
}

/** What would be lost with these is more than the object: only its own annotation may ask for it. */
const HOLDS_DATA = new Set(["PersistentVolumeClaim", "PersistentVolume"]);
/** Deleting one of these deletes everything in it: it is only ever updated. */
const HOLDS_OBJECTS = new Set(["Namespace", "CustomResourceDefinition"]);

/** The options of one object: its own annotations win over the Application's. */
export function objectOptions(object: KubeObject, application: SyncOptions): SyncOptions {
  const { annotations = {}, labels = {} } = object.metadata;
  const flux = (name: string): string =>
    (annotations[FLUX_PREFIX + name] ?? labels[FLUX_PREFIX + name] ?? "").toLowerCase();
  const kapp = (name: string): string | undefined => annotations[KAPP_PREFIX + name];
  const inherited = HOLDS_DATA.has(object.kind) ? { ...application, force: false } : application;
  let options = fromWords((annotations[ARGO_OPTIONS] ?? "").split(","), inherited);
  const set = (when: boolean, change: Partial<SyncOptions>): void => {
    if (when) options = { ...options, ...change };
  };
  const isKept =
    flux("prune") === "disabled" ||
    annotations[HELM_POLICY] === "keep" ||
    kapp("delete-strategy") === "orphan" ||
    annotations[KLUCTL_SKIP_DELETE] === "true";
  set(isKept, { prune: false, delete: false });
  const strategy = kapp("update-strategy");
  set(flux("force") === "enabled" || strategy === "fallback-on-replace", { force: true });
  set(strategy === "always-replace", { force: true, replace: true });
  set(flux("ssa") === "ifnotpresent" || strategy === "skip", { ifNotPresent: true });
  const isIgnored = flux("reconcile") === "disabled" || flux("ssa") === "ignore";
  set(isIgnored || kapp("noop") !== undefined, { ignore: true });
  const compare = annotations[ARGO_COMPARE_OPTIONS] ?? "";
  set(/\bIgnoreExtraneous\b/i.test(compare), { ignoreExtraneous: true });
  set(HOLDS_OBJECTS.has(object.kind), { force: false, replace: false });
  return options;
}
