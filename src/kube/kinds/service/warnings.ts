/** What a Service may say, but hardly means (k8s.io/kubernetes/pkg/api/service, `GetWarningsForService`). */
import { isObject } from "../../json-object.ts";
import { ipFamily } from "../../ip-address.ts";
import { dns1035Label, dns1123Label } from "../../names.ts";
import { isBlank } from "../field-problems.ts";
import { HEADLESS } from "./ip-families.ts";
import type { Service } from "./service-object.ts";

const FORMER_HINTS = "service.kubernetes.io/topology-aware-hints";
const HINTS = "service.kubernetes.io/topology-mode";

export function serviceWarnings({ metadata, spec }: Service): string[] {
  const warnings: string[] = [];
  const { name, annotations } = metadata;
  if (dns1123Label(name).length === 0 && dns1035Label(name).length > 0) {
    warnings.push(
      `metadata.name: clusters before Kubernetes 1.34 refuse "${name}": there it must start with a letter`,
    );
  }
  if (isObject(annotations) && Object.hasOwn(annotations, FORMER_HINTS)) {
    warnings.push(`annotation ${FORMER_HINTS} is deprecated, please use ${HINTS} instead`);
  }
  const isWhole: boolean = isObject(spec);
  if (spec === undefined || !isWhole) return warnings;
  if (!isBlank(spec.loadBalancerIP) && ipFamily(spec.loadBalancerIP) === undefined) {
    warnings.push(`spec.loadBalancerIP: "${spec.loadBalancerIP}" is no IP address`);
  }
  if (spec.clusterIP === HEADLESS) {
    const ignored = {
      "spec.loadBalancerIP": !isBlank(spec.loadBalancerIP),
      "spec.externalIPs": (spec.externalIPs ?? []).length > 0,
      "spec.sessionAffinity": spec.sessionAffinity === "ClientIP",
    };
    for (const [field, isSet] of Object.entries(ignored))
      if (isSet) warnings.push(`${field} is ignored when spec.clusterIP is "None"`);
  }
  return warnings;
}
