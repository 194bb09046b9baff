/**
 * Objects that run at a moment of a sync instead of being part of the desired state: Argo CD's
 * hooks, and Helm's mapped onto them. Argo CD's annotations win over Helm's. Pure.
 */
import type { KubeObject } from "../../kube/object.ts";

const HOOK = "argocd.argoproj.io/hook";
const HOOK_DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy";
const HELM_HOOK = "helm.sh/hook";
const HELM_DELETE_POLICY = "helm.sh/hook-delete-policy";
/** On a live hook: the sync and the phase that it was made for. */
export const HOOK_RUN_ANNOTATION = "gantry.dev/hook-run";
/**
 * On hooks that remove themselves when they are done: it keeps them until somebody has seen how
 * they ended.
 */
export const HOOK_FINALIZER = "gantry.dev/hook";

/** In the order in which they come. The last two belong to the deletion of an Application. */
export const HOOK_PHASES = [
  "PreSync",
  "Sync",
  "PostSync",
  "SyncFail",
  "PreDelete",
  "PostDelete",
] as const;
export type HookPhase = (typeof HOOK_PHASES)[number];

export const DELETE_POLICIES = ["BeforeHookCreation", "HookSucceeded", "HookFailed"] as const;
export type DeletePolicy = (typeof DELETE_POLICIES)[number];

/** Helm's words; tests and rollbacks are no part of a sync. */
const HELM_PHASES: Readonly<
  Record<string, { readonly phase: HookPhase; readonly when?: "install" | "upgrade" }>
> = {
  "pre-install": { phase: "PreSync", when: "install" },
  "pre-upgrade": { phase: "PreSync", when: "upgrade" },
  "post-install": { phase: "PostSync", when: "install" },
  "post-upgrade": { phase: "PostSync", when: "upgrade" },
  "pre-delete": { phase: "PreDelete" },
  "post-delete": { phase: "PostDelete" },
};
const HELM_POLICIES: ReadonlyMap<string, DeletePolicy> = new Map([
  ["before-hook-creation", "BeforeHookCreation"],
  ["hook-succeeded", "HookSucceeded"],
  ["hook-failed", "HookFailed"],
]);

const words = (text: string | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

/** Whether a manifest is no part of the desired state. `crd-install` of Helm 2 is: a plain object. */
export function isHook({ metadata }: KubeObject): boolean {
  const { annotations = {} } = metadata;
  const helm = words(annotations[HELM_HOOK]);
  return words(annotations[HOOK]).length > 0 || (helm.length > 0 && !helm.includes("crd-install"));
}

/** The name under which a hook is rendered and checked whose name each sync makes up. */
export function placeholderName(generateName: string): string {
  return `${generateName}generated`;
}

/**
 * The phases in which a hook runs: none for `Skip`, for Helm's tests, and for what only runs at the
 * other of install and upgrade.
 */
export function hookPhases({ metadata }: KubeObject, isInstalled: boolean): HookPhase[] {
  const { annotations = {} } = metadata;
  const argo = words(annotations[HOOK]);
  if (argo.length > 0) return HOOK_PHASES.filter((phase) => argo.includes(phase));
  const moment = isInstalled ? "upgrade" : "install";
  const found = words(annotations[HELM_HOOK]).flatMap((word) => {
    const known = Object.hasOwn(HELM_PHASES, word) ? HELM_PHASES[word] : undefined;
    return known === undefined || (known.when ?? moment) !== moment ? [] : [known.phase];
  });
  return HOOK_PHASES.filter((phase) => found.includes(phase));
}

/** When a hook's object is deleted. Where nothing is said: before it is made again. */
export function deletePolicies({ metadata }: KubeObject): readonly DeletePolicy[] {
  const { annotations = {} } = metadata;
  const argo = words(annotations[HOOK_DELETE_POLICY]);
  const found =
    argo.length > 0
      ? DELETE_POLICIES.filter((policy) => argo.includes(policy))
      : words(annotations[HELM_DELETE_POLICY]).flatMap((word) => HELM_POLICIES.get(word) ?? []);
  return found.length > 0 ? found : ["BeforeHookCreation"];
}

/** Which run a live object was made for; undefined when it is none of our hooks. */
export function hookRunOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[HOOK_RUN_ANNOTATION];
}
