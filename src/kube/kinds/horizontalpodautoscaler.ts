import type { HorizontalPodAutoscaler as UpstreamAutoscaler } from "kubernetes-types/autoscaling/v2";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import { AUTOSCALER_DEFAULTS } from "./horizontalpodautoscaler/autoscaler-defaults.ts";
import { formatTargets } from "./horizontalpodautoscaler/format-targets.ts";
import { validateAutoscaler } from "./horizontalpodautoscaler/validate-autoscaler.ts";
import { rewrite } from "./rewrite.ts";

/** The numbers of a status are missing until the controller has looked. */
export type HorizontalPodAutoscaler = Omit<Live<UpstreamAutoscaler>, "status"> & {
  status?: Partial<NonNullable<UpstreamAutoscaler["status"]>>;
};
export type AutoscalerSpec = NonNullable<HorizontalPodAutoscaler["spec"]>;

export const horizontalPodAutoscalers: Kind<HorizontalPodAutoscaler> = {
  group: "autoscaling",
  version: "v2",
  kind: "HorizontalPodAutoscaler",
  plural: "horizontalpodautoscalers",
  singular: "horizontalpodautoscaler",
  namespaced: true,
  shortNames: ["hpa"],
  categories: ["all"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("autoscaling/v2", "HorizontalPodAutoscaler");
  },
  columns: [
    nameColumn,
    textColumn("Reference", "What is scaled.", ({ spec }) => {
      const { kind = "", name = "" } = spec?.scaleTargetRef ?? {};
      return `${kind}/${name}`;
    }),
    textColumn("Targets", "Current and wanted value of each metric.", (autoscaler) =>
      formatTargets(autoscaler),
    ),
    textColumn("MinPods", "Replicas at least.", ({ spec }) => String(spec?.minReplicas ?? 1)),
    {
      name: "MaxPods",
      type: "integer",
      description: "Replicas at most.",
      cell: ({ spec }) => spec?.maxReplicas ?? 0,
    },
    {
      name: "Replicas",
      type: "integer",
      description: "Replicas when the controller looked last.",
      cell: ({ status }) => status?.currentReplicas ?? 0,
    },
    ageColumn,
  ],
  strategy: {
    validateName: dns1123Subdomain,
    default: (autoscaler) => rewrite(autoscaler, AUTOSCALER_DEFAULTS),
    validate: validateAutoscaler,
  },
};
