export interface HorizontalPodAutoscaler {
    spec: HorizontalPodAutoscalerSpec;
}
