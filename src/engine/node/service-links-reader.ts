/** Which Services a pod is told about: those of its namespace, and always `kubernetes`. */
import type { Informer } from "../../client/informer.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import type { Service } from "../../kube/kinds/service.ts";
import { serviceLinks } from "./env/service-links.ts";
import { namespaceOf, specOf } from "./pod-model.ts";

const API_SERVICE = "default/kubernetes";

export function serviceLinksReader(
  services: Informer<Service>,
): (pod: Pod) => ReadonlyMap<string, string> {
  return (pod) => {
    const api = services.get(API_SERVICE);
    const links = specOf(pod).enableServiceLinks === false ? [] : services.list(namespaceOf(pod));
    return serviceLinks([...new Set([...links, ...(api === undefined ? [] : [api])])]);
  };
}
