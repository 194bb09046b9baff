/** `argocd.argoproj.io/sync-wave` and `helm.sh/hook-weight`: what comes before what. Pure. */
import type { KubeObject } from "../../kube/object.ts";

const WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave";
const HELM_WEIGHT_ANNOTATION = "helm.sh/hook-weight";
const HELM_HOOK_ANNOTATION = "helm.sh/hook";

/** Lower waves are applied first; 0 where nothing, or nothing that is a whole number, is said. */
export function waveOf({ metadata }: KubeObject): number {
  const { annotations = {} } = metadata;
  const said =
    annotations[WAVE_ANNOTATION] ??
    (annotations[HELM_HOOK_ANNOTATION] === undefined
      ? undefined
      : annotations[HELM_WEIGHT_ANNOTATION]);
  const wave = /^\s*[+-]?\d+\s*$/.test(said ?? "") ? Number(said) : 0;
  return Number.isSafeInteger(wave) ? wave : 0;
}
