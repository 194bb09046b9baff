/** How a live object is judged: by the rules of users, by that of its kind, by its conditions. */
import type { KubeObject } from "../../kube/object.ts";
import { parseApiVersion } from "../../kube/object.ts";
import { apiServiceHealth } from "./apiservice.ts";
import { applicationHealth } from "./application.ts";
import { conditionsHealth } from "./conditions.ts";
import { cronJobHealth } from "./cronjob.ts";
import { customResourceDefinitionHealth } from "./customresourcedefinition.ts";
import { daemonSetHealth } from "./daemonset.ts";
import { deploymentHealth } from "./deployment.ts";
import { doomedBy } from "./doomed-workload.ts";
import { type Health, HEALTHY, progressing } from "./health.ts";
import { type HealthContext, NO_CONTEXT } from "./health-context.ts";
import { horizontalPodAutoscalerHealth } from "./horizontalpodautoscaler.ts";
import { jobHealth } from "./job.ts";
import { namespaceHealth } from "./namespace.ts";
import { persistentVolumeClaimHealth } from "./persistentvolumeclaim.ts";
import { podHealth } from "./pod.ts";
import { podDisruptionBudgetHealth } from "./poddisruptionbudget.ts";
import { replicaSetHealth } from "./replicaset.ts";
import { replicationControllerHealth } from "./replicationcontroller.ts";
import { rolloutHealth } from "./rollout.ts";
import { serviceHealth } from "./service.ts";
import { statefulSetHealth } from "./statefulset.ts";

/** Drops an object from its Application's health, as in Argo CD. */
const IGNORE_ANNOTATION = "argocd.argoproj.io/ignore-healthcheck";

/** Keeps a hook that is being deleted until it is known how it ended. */
const HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer";

type KindRule<T extends KubeObject> = (object: T, context: HealthContext) => Health | undefined;

// Each rule takes its own kind's type; the key guarantees that it gets no other.
const RULES: ReadonlyMap<string, KindRule<never>> = new Map<string, KindRule<never>>([
  ["/Namespace", namespaceHealth],
  ["/Pod", podHealth],
  ["/Service", serviceHealth],
  ["/PersistentVolumeClaim", persistentVolumeClaimHealth],
  ["/ReplicationController", replicationControllerHealth],
  ["apps/Deployment", deploymentHealth],
  ["apps/ReplicaSet", replicaSetHealth],
  ["apps/StatefulSet", statefulSetHealth],
  ["apps/DaemonSet", daemonSetHealth],
  ["batch/Job", jobHealth],
  ["batch/CronJob", cronJobHealth],
  ["autoscaling/HorizontalPodAutoscaler", horizontalPodAutoscalerHealth],
  ["policy/PodDisruptionBudget", podDisruptionBudgetHealth],
  ["apiextensions.k8s.io/CustomResourceDefinition", customResourceDefinitionHealth],
  ["apiregistration.k8s.io/APIService", apiServiceHealth],
  ["gantry.dev/Application", applicationHealth],
  ["argoproj.io/Rollout", rolloutHealth],
  // An address is given by whichever controller serves the class, if any: like Flux, do not wait for it.
  ["networking.k8s.io/Ingress", () => HEALTHY],
]);

/** Groups of Kubernetes itself: their kinds have a rule above, or no health. */
const OWN_GROUP = /^[^.]*$|\.k8s\.io$/;
/** A group of custom resources, although it ends like Kubernetes' own. */
const GATEWAY_GROUP = "gateway.networking.k8s.io";

/** Undefined: nothing says how the object is, or it asks not to be judged. */
export function healthOf(
  object: KubeObject,
  context: HealthContext = NO_CONTEXT,
): Health | undefined {
  const { annotations, deletionTimestamp, finalizers } = object.metadata;
  if (annotations?.[IGNORE_ANNOTATION] === "true") return undefined;
  if (deletionTimestamp !== undefined && finalizers?.includes(HOOK_FINALIZER) !== true)
    return progressing("pending deletion");
  const custom = context.custom?.ruleFor(object);
  if (custom !== undefined) return custom(object);
  const health = byKind(object, context);
  if (health?.status !== "Progressing" || context.podsOf === undefined) return health;
  return doomedBy(object, context) ?? health;
}

function byKind(object: KubeObject, context: HealthContext): Health | undefined {
  const { group } = parseApiVersion(object.apiVersion);
  const rule = RULES.get(`${group}/${object.kind}`) as KindRule<KubeObject> | undefined;
  if (rule !== undefined) return rule(object, context);
  const isCustom = !OWN_GROUP.test(group) || group === GATEWAY_GROUP;
  return isCustom && group !== "gantry.dev" ? conditionsHealth(object) : undefined;
}
