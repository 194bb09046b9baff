import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { forbidden, required } from "./field-problems.ts";
import { podColumns } from "./pod/columns.ts";
import { validateEphemeralUpdate } from "./pod/ephemeral-containers.ts";
import type { Pod } from "./pod/pod-object.ts";
import { preparePod } from "./pod/prepare-pod.ts";
import { validatePodStatusUpdate } from "./pod/validate-status.ts";
import { validatePodUpdate } from "./pod/validate-update.ts";
import { DEFAULT_GRACE_SECONDS } from "./pod-spec/containers.ts";
import { podDefaults } from "./pod-spec/defaults.ts";
import { validatePodSpec } from "./pod-spec/validate-pod-spec.ts";
import { podSpecWarnings } from "./pod-spec/warnings.ts";
import { rewrite } from "./rewrite.ts";

export type { Pod };

export const pods: Kind<Pod> = {
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  singular: "pod",
  namespaced: true,
  shortNames: ["po"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Pod");
  },
  columns: podColumns,
  selectableFields: {
    "spec.nodeName": ({ spec }) => spec?.nodeName ?? "",
    "spec.restartPolicy": ({ spec }) => spec?.restartPolicy ?? "",
    "spec.schedulerName": ({ spec }) => spec?.schedulerName ?? "",
    "spec.serviceAccountName": ({ spec }) => spec?.serviceAccountName ?? "",
    "spec.hostNetwork": ({ spec }) => String(spec?.hostNetwork ?? false),
    "status.phase": ({ status }) => status?.phase ?? "",
    "status.podIP": ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? "",
    "status.nominatedNodeName": ({ status }) => status?.nominatedNodeName ?? "",
  },
  strategy: {
    validateName: dns1123Subdomain,
    prepareForCreate: preparePod,
    default: (pod) => rewrite(pod, POD_DEFAULTS),
    validate: validatePod,
    validateCreate: ({ spec }) =>
      (spec?.ephemeralContainers ?? []).length === 0
        ? []
        : [forbidden("spec.ephemeralContainers", "cannot be set on create")],
    validateUpdate: validatePodUpdate,
    validateSubresource: { ephemeralcontainers: validateEphemeralUpdate },
    validateStatusUpdate: validatePodStatusUpdate,
    gracePeriodSeconds: podGracePeriodSeconds,
    warnings: ({ spec }) => podSpecWarnings(spec, "spec"),
  },
};

const POD_DEFAULTS = podDefaults();

function validatePod({ spec }: Pod): FieldError[] {
  return spec === undefined ? [required("spec")] : validatePodSpec(spec, "spec", { isPod: true });
}

/** Nothing runs, or runs any more, in a pod without a node or in a final phase: it goes at once. */
function podGracePeriodSeconds({ spec, status }: Pod, requested: number | undefined): number {
  const isFinished = status?.phase === "Succeeded" || status?.phase === "Failed";
  if ((spec?.nodeName ?? "") === "" || isFinished) return 0;
  const seconds = requested ?? spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  return seconds < 0 ? 1 : seconds;
}
