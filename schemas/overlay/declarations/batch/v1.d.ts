export interface CronJob {
    spec: CronJobSpec;
}
export interface PodFailurePolicyOnPodConditionsPattern {
    status?: string;
}
