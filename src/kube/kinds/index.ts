/** Every kind that is served without a CustomResourceDefinition. A new kind is its file and a line here. */
import type { Kind } from "../kind.ts";
import { apiVersionOf } from "../object.ts";
import { alerts } from "./alert.ts";
import { applications } from "./application.ts";
import { applicationSets } from "./applicationset.ts";
import { configMaps } from "./configmap.ts";
import { controllerRevisions } from "./controllerrevision.ts";
import { cronJobs } from "./cronjob.ts";
import { csiDrivers } from "./csidriver.ts";
import { csiNodes } from "./csinode.ts";
import { csiStorageCapacities } from "./csistoragecapacity.ts";
import { customResourceDefinitions } from "./customresourcedefinition.ts";
import { daemonSets } from "./daemonset.ts";
import { deployments } from "./deployment.ts";
import { endpoints } from "./endpoints.ts";
import { endpointSlices } from "./endpointslice.ts";
import { events } from "./event.ts";
import { gateways } from "./gateway.ts";
import { gatewayClasses } from "./gatewayclass.ts";
import { grpcRoutes } from "./grpcroute.ts";
import { healthChecks } from "./healthcheck.ts";
import { httpRoutes } from "./httproute.ts";
import { horizontalPodAutoscalers } from "./horizontalpodautoscaler.ts";
import { horizontalPodAutoscalersV1 } from "./horizontalpodautoscaler-v1.ts";
import { ingresses } from "./ingress.ts";
import { ingressClasses } from "./ingressclass.ts";
import { jobs } from "./job.ts";
import { leases } from "./lease.ts";
import { namespaces } from "./namespace.ts";
import { nodes } from "./node.ts";
import { persistentVolumes } from "./persistentvolume.ts";
import { persistentVolumeClaims } from "./persistentvolumeclaim.ts";
import { pods } from "./pod.ts";
import { podDisruptionBudgets } from "./poddisruptionbudget.ts";
import { policies } from "./policy.ts";
import { priorityClasses } from "./priorityclass.ts";
import { projects } from "./project.ts";
import { providers } from "./provider.ts";
import { receivers } from "./receiver.ts";
import { referenceGrants } from "./referencegrant.ts";
import { replicaSets } from "./replicaset.ts";
import { replicationControllers } from "./replicationcontroller.ts";
import { roles } from "./role.ts";
import { clusterRoles } from "./clusterrole.ts";
import { roleBindings } from "./rolebinding.ts";
import { clusterRoleBindings } from "./clusterrolebinding.ts";
import { secrets } from "./secret.ts";
import { services } from "./service.ts";
import { serviceAccounts } from "./serviceaccount.ts";
import { statefulSets } from "./statefulset.ts";
import { storageClasses } from "./storageclass.ts";
import { volumeAttachments } from "./volumeattachment.ts";
import { volumeSnapshots } from "./volumesnapshot.ts";
import { volumeSnapshotClasses } from "./volumesnapshotclass.ts";
import { volumeSnapshotContents } from "./volumesnapshotcontent.ts";

export const builtinKinds: readonly Kind[] = [
  namespaces,
  nodes,
  pods,
  replicaSets,
  replicationControllers,
  deployments,
  statefulSets,
  daemonSets,
  controllerRevisions,
  jobs,
  cronJobs,
  services,
  endpointSlices,
  endpoints,
  configMaps,
  secrets,
  serviceAccounts,
  events,
  leases,
  podDisruptionBudgets,
  horizontalPodAutoscalers,
  horizontalPodAutoscalersV1,
  priorityClasses,
  roles,
  clusterRoles,
  roleBindings,
  clusterRoleBindings,
  customResourceDefinitions,
  ingresses,
  ingressClasses,
  storageClasses,
  persistentVolumes,
  persistentVolumeClaims,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  volumeAttachments,
  volumeSnapshots,
  volumeSnapshotContents,
  volumeSnapshotClasses,
  gatewayClasses,
  gateways,
  httpRoutes,
  grpcRoutes,
  referenceGrants,
  applications,
  applicationSets,
  providers,
  alerts,
  receivers,
  projects,
  policies,
  healthChecks,
];

const byKind = new Map(builtinKinds.map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind]));

/** The built-in kind of an object with this `apiVersion` and `kind`. */
export function kindFor(apiVersion: string, kind: string): Kind | undefined {
  return byKind.get(`${apiVersion} ${kind}`);
}
