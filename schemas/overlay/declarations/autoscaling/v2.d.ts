import type { Quantity } from "kubernetes-types/api/resource";

export interface HPAScalingRules {
    /** How far the metric may be off, as a share of its target, before anything is scaled; 10 % when not set. */
    tolerance?: Quantity;
}
export interface HorizontalPodAutoscaler {
    spec: HorizontalPodAutoscalerSpec;
}
