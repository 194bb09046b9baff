/** Which pods a Service selects and which Services select a pod, by indexes instead of scans. */
import type { Informer } from "../../../client/informer.ts";
import type { Pod } from "../../../kube/kinds/pod.ts";
import type { Service } from "../../../kube/kinds/service.ts";
import { matchesLabels, selectorFromLabels } from "../../../kube/label-selector.ts";

const PODS_BY_LABEL = "namespace-label";
const SERVICES_BY_LABEL = "namespace-selector-label";

type Labels = Readonly<Record<string, string>>;

export function addSelectionIndexes(services: Informer<Service>, pods: Informer<Pod>): void {
  pods.addIndex(PODS_BY_LABEL, ({ metadata }) => pairs(metadata.namespace, metadata.labels));
  // One of the selector's labels is enough to find the candidates.
  services.addIndex(SERVICES_BY_LABEL, (service) =>
    pairs(service.metadata.namespace, service.spec?.selector).sort().slice(0, 1),
  );
}

/** Whether pods become endpoints of the Service: not those without a selector, nor ExternalName ones. */
export function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec?.selector ?? {}).length > 0 && spec?.type !== "ExternalName";
}

export function selectedPods(pods: Informer<Pod>, service: Service): readonly Pod[] {
  const { selector = {} } = service.spec ?? {};
  const requirements = selectorFromLabels(selector);
  const candidates = pairs(service.metadata.namespace, selector)
    .map((pair) => pods.byIndex(PODS_BY_LABEL, pair))
    .reduce((fewest, found) => (found.length < fewest.length ? found : fewest));
  return candidates.filter(({ metadata }) => matchesLabels(requirements, metadata.labels));
}

export function selectingServices(services: Informer<Service>, pod: Pod): readonly Service[] {
  const { namespace, labels } = pod.metadata;
  return pairs(namespace, labels)
    .flatMap((pair) => services.byIndex(SERVICES_BY_LABEL, pair))
    .filter(({ spec }) => matchesLabels(selectorFromLabels(spec?.selector ?? {}), labels));
}

function pairs(namespace = "", labels: Labels | undefined = {}): string[] {
  return Object.entries(labels).map(([name, value]) => `${namespace}/${name}=${value}`);
}
