import { type Service, services } from "../../../kube/kinds/service.ts";
import { controllerReference } from "../ownership/owner-reference.ts";
import type { SliceMetadata } from "./slice-plan.ts";

export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";
export const MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by";
export const MANAGED_BY = "endpointslice-controller.k8s.io";
const HEADLESS_LABEL = "service.kubernetes.io/headless";

/** The Service's labels, those that say whose slice it is, and the Service as owner. */
export function sliceMetadata(service: Service): SliceMetadata {
  const { namespace, name, labels } = service.metadata;
  const isHeadless = service.spec?.clusterIP === "None";
  return {
    ...(namespace === undefined ? {} : { namespace }),
    generateName: `${name}-`,
    labels: {
      ...labels,
      ...(isHeadless ? { [HEADLESS_LABEL]: "" } : {}),
      [SERVICE_NAME_LABEL]: name,
      [MANAGED_BY_LABEL]: MANAGED_BY,
    },
    ownerReferences: [controllerReference(services, service)],
  };
}
