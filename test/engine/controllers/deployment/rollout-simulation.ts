import type { Deployment } from "../../../../src/kube/kinds/deployment.ts";
import type { ReplicaSet } from "../../../../src/kube/kinds/replicaset.ts";
import {
  type DeploymentPlan,
  planDeployment,
} from "../../../../src/engine/controllers/deployment/plan.ts";
import { NOW_MS } from "../sample-objects.ts";

interface SimulatedPod {
  ready: boolean;
}

/**
 * A Deployment, its ReplicaSets and pods in memory. Every part moves only when told, so that a test
 * can interleave them: the ReplicaSet controller lags behind the Deployment's, pods behind both.
 */
export class RolloutSimulation {
  deployment: Deployment;
  sets: ReplicaSet[] = [];
  readonly pods = new Map<string, SimulatedPod[]>();
  nowMs = NOW_MS;
  lastPlan: DeploymentPlan | undefined;
  #created = 0;

  constructor(deployment: Deployment) {
    this.deployment = deployment;
  }

  /** One reconcile of the Deployment; returns whether it changed anything but status. */
  reconcile(): boolean {
    const { deployment, sets, nowMs } = this;
    const hasRunningPods = (set: ReplicaSet): boolean => this.podsOf(set).length > 0;
    const plan = planDeployment({ deployment, sets, hasRunningPods, nowMs });
    this.lastPlan = plan;
    const updates = new Map(plan.update.map(({ from, to }) => [from, to]));
    this.sets = sets
      .filter((set) => !plan.remove.includes(set))
      .map((set) => updates.get(set) ?? set);
    if (plan.create !== undefined) this.sets.push(this.#stored(plan.create));
    this.deployment = { ...deployment, status: plan.status };
    return plan.create !== undefined || plan.update.length > 0 || plan.remove.length > 0;
  }

  #stored(set: ReplicaSet): ReplicaSet {
    this.#created++;
    const creationTimestamp = new Date(this.nowMs + this.#created * 1_000).toISOString();
    return {
      ...set,
      metadata: { ...set.metadata, uid: `uid-${this.#created}`, creationTimestamp, generation: 1 },
      status: { replicas: 0, observedGeneration: 1 },
    };
  }

  podsOf(set: ReplicaSet): SimulatedPod[] {
    return this.pods.get(set.metadata.name) ?? [];
  }

  /** The ReplicaSet controller: creates and deletes pods of one set, those not ready first. */
  syncSet(index: number): void {
    const set = this.sets[index % Math.max(1, this.sets.length)];
    if (set === undefined) return;
    const pods = [...this.podsOf(set)].sort((a, b) => Number(b.ready) - Number(a.ready));
    const size = set.spec?.replicas ?? 0;
    while (pods.length < size) pods.push({ ready: false });
    pods.length = size;
    this.pods.set(set.metadata.name, pods);
    this.observeSet(index);
  }

  /** The ReplicaSet controller writes what it sees. */
  observeSet(index: number): void {
    const at = index % Math.max(1, this.sets.length);
    const set = this.sets[at];
    if (set === undefined) return;
    const pods = this.podsOf(set);
    const ready = pods.filter((pod) => pod.ready).length;
    const status = {
      replicas: pods.length,
      readyReplicas: ready,
      availableReplicas: ready,
      observedGeneration: 1,
    };
    this.sets[at] = { ...set, status };
  }

  /** The node agent: one pod of any set becomes ready. */
  becomeReady(index: number): void {
    const waiting = [...this.pods.values()].flat().filter((pod) => !pod.ready);
    const pod = waiting[index % Math.max(1, waiting.length)];
    if (pod !== undefined) pod.ready = true;
  }

  /** Lets everything happen until nothing changes any more. */
  settle(podsBecomeReady = true): void {
    for (let round = 0; round < 1_000; round++) {
      const changed = this.reconcile();
      const before = JSON.stringify([this.sets, [...this.pods.values()]]);
      for (let i = 0; i < this.sets.length; i++) this.syncSet(i);
      if (podsBecomeReady) for (const pod of [...this.pods.values()].flat()) pod.ready = true;
      for (let i = 0; i < this.sets.length; i++) this.observeSet(i);
      if (!changed && before === JSON.stringify([this.sets, [...this.pods.values()]])) return;
    }
    throw new Error("the rollout did not settle");
  }

  changeSpec(spec: Partial<NonNullable<Deployment["spec"]>>): void {
    const { deployment } = this;
    const { selector = {}, template = {}, ...rest } = deployment.spec ?? {};
    this.deployment = {
      ...deployment,
      metadata: { ...deployment.metadata, generation: (deployment.metadata.generation ?? 0) + 1 },
      spec: { selector, template, ...rest, ...spec },
    };
  }
  changeImage(image: string): void {
    const { template = {} } = this.deployment.spec ?? {};
    this.changeSpec({ template: { ...template, spec: { containers: [{ name: "app", image }] } } });
  }

  get available(): number {
    return [...this.pods.values()].flat().filter((pod) => pod.ready).length;
  }
  get total(): number {
    return [...this.pods.values()].flat().length;
  }
  /** Sizes of the sets by image, without empty ones. */
  get sizes(): Record<string, number> {
    const sizes: Record<string, number> = {};
    for (const set of this.sets) {
      const image = set.spec?.template?.spec?.containers[0]?.image ?? "";
      if ((set.spec?.replicas ?? 0) > 0) sizes[image] = set.spec?.replicas ?? 0;
    }
    return sizes;
  }
  condition(type: string): string {
    const found = this.deployment.status?.conditions?.find((condition) => condition.type === type);
    return found === undefined ? "" : `${found.status} ${found.reason}`;
  }
}
