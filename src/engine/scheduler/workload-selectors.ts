/** Which pods belong together where nobody says so: those of a Service, or of one controller. */
import type { LabelSelector } from "kubernetes-types/meta/v1";
import type { Informer } from "../../client/informer.ts";
import type { Informers } from "../../client/informers.ts";
import { replicaSets } from "../../kube/kinds/replicaset.ts";
import { replicationControllers } from "../../kube/kinds/replicationcontroller.ts";
import { type Service, services } from "../../kube/kinds/service.ts";
import { statefulSets } from "../../kube/kinds/statefulset.ts";
import {
  type LabelRequirement,
  matchesLabels,
  type Selector,
  selectorFromLabels,
  selectorOf,
} from "../../kube/label-selector.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { PodInfo } from "./pod-info.ts";

export interface WorkloadSelectors {
  /** Undefined for a pod that nothing groups with others. */
  of(info: PodInfo): Selector | undefined;
}

export const noWorkloads: WorkloadSelectors = { of: () => undefined };

interface Selecting extends KubeObject {
  readonly spec?: { readonly selector?: LabelSelector };
}
const BY_PAIR = "scheduler.selectorPair";
const pairOf = (namespace: string, key: string, value: string): string =>
  `${namespace}/${key}=${value}`;

export class InformedSelectors implements WorkloadSelectors {
  readonly #services: Informer<Service>;
  readonly #owners: Readonly<Record<string, (key: string) => Selector | undefined>>;
  readonly #synced: readonly Promise<void>[];

  constructor(informers: Informers) {
    this.#services = informers.of(services);
    this.#services.addIndex(BY_PAIR, pairsOfService);
    const [sets, stateful] = [informers.of(replicaSets), informers.of(statefulSets)];
    const controllers = informers.of(replicationControllers);
    this.#synced = [this.#services, sets, stateful, controllers].map(({ synced }) => synced);
    const selecting = (owner: Selecting | undefined): Selector | undefined =>
      owner?.spec?.selector === undefined ? undefined : selectorOf(owner.spec.selector);
    this.#owners = {
      ReplicaSet: (key) => selecting(sets.get(key)),
      StatefulSet: (key) => selecting(stateful.get(key)),
      ReplicationController: (key) => {
        const { selector } = controllers.get(key)?.spec ?? {};
        return selector === undefined ? undefined : selectorFromLabels(selector);
      },
    };
  }

  async synced(): Promise<void> {
    await Promise.all(this.#synced);
  }

  of({ namespace, labels, owner }: PodInfo): Selector | undefined {
    const requirements: LabelRequirement[] = [];
    for (const [key, value] of Object.entries(labels))
      for (const service of this.#services.byIndex(BY_PAIR, pairOf(namespace, key, value))) {
        const selector = selectorFromLabels(service.spec?.selector ?? {});
        if (matchesLabels(selector, labels)) requirements.push(...selector);
      }
    const read = owner === undefined ? undefined : this.#owners[owner.kind];
    const owned = read?.(`${namespace}/${owner?.name ?? ""}`);
    if (owned !== undefined && owned !== "nothing") requirements.push(...owned);
    return requirements.length === 0 ? undefined : requirements;
  }
}

/** Filed under one pair of its selector: a pod that it selects has that one, too. */
function pairsOfService({ metadata, spec }: Service): string[] {
  const [first] = Object.entries(spec?.selector ?? {});
  return first === undefined ? [] : [pairOf(metadata.namespace ?? "", ...first)];
}
