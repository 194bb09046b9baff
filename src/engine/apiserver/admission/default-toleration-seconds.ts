/**
 * Lets every pod stay five minutes on a node that is not ready or cannot be reached, unless it says
 * otherwise (k8s.io/kubernetes/plugin/pkg/admission/defaulttolerationseconds).
 */
import type { Toleration } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { KubeObject } from "../../../kube/object.ts";
import type { AdmissionPlugin } from "./admission.ts";

const DEFAULT_SECONDS = 300;

const DEFAULTS: readonly Toleration[] = ["not-ready", "unreachable"].map((trouble) =>
  Object.freeze({
    key: `node.kubernetes.io/${trouble}`,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: DEFAULT_SECONDS,
  }),
);

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  mutate: (object, { operation, target, subresource }) => {
    const { group, plural } = target.kind.kind;
    const isPod = group === "" && plural === "pods" && subresource === undefined;
    return isPod && operation !== "DELETE" ? withDefaults(object) : object;
  },
};

function withDefaults(pod: Pod): KubeObject {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const given = spec.tolerations ?? [];
  const missing = DEFAULTS.filter((one) => !given.some((other) => isAbout(other, one)));
  if (missing.length === 0) return pod;
  const next: Pod = { ...pod, spec: { ...spec, tolerations: [...given, ...missing] } };
  return next;
}

/** Whatever else it says: the pod's author has thought of it. */
function isAbout({ key = "", effect = "" }: Toleration, wanted: Toleration): boolean {
  return (key === "" || key === wanted.key) && (effect === "" || effect === wanted.effect);
}
