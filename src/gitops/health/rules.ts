/** The health rule of each kind, by `group/Kind`, and how a live object is judged. */
import type { KubeObject } from "../../kube/object.ts";
import { parseApiVersion } from "../../kube/object.ts";
import { applicationHealth } from "./application.ts";
import { cronJobHealth } from "./cronjob.ts";
import { customResourceDefinitionHealth } from "./customresourcedefinition.ts";
import { daemonSetHealth } from "./daemonset.ts";
import { deploymentHealth } from "./deployment.ts";
import { type Health, type HealthRule, HEALTHY, progressing } from "./health.ts";
import { horizontalPodAutoscalerHealth } from "./horizontalpodautoscaler.ts";
import { jobHealth } from "./job.ts";
import { namespaceHealth } from "./namespace.ts";
import { persistentVolumeClaimHealth } from "./persistentvolumeclaim.ts";
import { podHealth } from "./pod.ts";
import { podDisruptionBudgetHealth } from "./poddisruptionbudget.ts";
import { replicaSetHealth } from "./replicaset.ts";
import { serviceHealth } from "./service.ts";
import { statefulSetHealth } from "./statefulset.ts";

/** Drops an object from its Application's health, as in Argo CD. */
const IGNORE_ANNOTATION = "argocd.argoproj.io/ignore-healthcheck";

// Each rule takes its own kind's type; the key guarantees that it gets no other.
const RULES: Readonly<Record<string, HealthRule<never>>> = {
  "/Namespace": namespaceHealth,
  "/Pod": podHealth,
  "/Service": serviceHealth,
  "/PersistentVolumeClaim": persistentVolumeClaimHealth,
  "apps/Deployment": deploymentHealth,
  "apps/ReplicaSet": replicaSetHealth,
  "apps/StatefulSet": statefulSetHealth,
  "apps/DaemonSet": daemonSetHealth,
  "batch/Job": jobHealth,
  "batch/CronJob": cronJobHealth,
  "autoscaling/HorizontalPodAutoscaler": horizontalPodAutoscalerHealth,
  "policy/PodDisruptionBudget": podDisruptionBudgetHealth,
  "apiextensions.k8s.io/CustomResourceDefinition": customResourceDefinitionHealth,
  "gantry.dev/Application": applicationHealth,
  // An address is given by whichever controller serves the class, if any: like Flux, do not wait for it.
  "networking.k8s.io/Ingress": () => HEALTHY,
};

/** Undefined: the kind has no rule, or the object asks not to be judged. */
export function healthOf(object: KubeObject): Health | undefined {
  if (object.metadata.annotations?.[IGNORE_ANNOTATION] === "true") return undefined;
  if (object.metadata.deletionTimestamp !== undefined) return progressing("pending deletion");
  const rule = RULES[`${parseApiVersion(object.apiVersion).group}/${object.kind}`] as
    | HealthRule
    | undefined;
  return rule?.(object);
}
