/**
 * A pod as the scheduler reads it: each part is worked out when first asked for, once per pod. Keeps
 * parts of the spec, not the pod, so that placed pods cost little memory.
 */
import type { PodSpec, Volume } from "kubernetes-types/core/v1";
import type { Labels } from "../../kube/label-selector.ts";
import type { Pod } from "../../kube/kinds/pod.ts";
import {
  type NodeMatcher,
  type NodePreference,
  preferredNodes,
  requiredNodes,
} from "./node-selection.ts";
import { type PodRequests, podRequests } from "./pod-requests.ts";
import { type PodTerms, podTerms } from "./topology/pod-terms.ts";
import { type SpreadConstraints, spreadConstraints } from "./topology/spread-constraints.ts";

type SchedulingSpec = Pick<
  PodSpec,
  "nodeName" | "nodeSelector" | "affinity" | "topologySpreadConstraints"
>;
const NO_LABELS: Labels = {};

export interface Owner {
  readonly kind: string;
  readonly name: string;
}

export class PodInfo {
  readonly namespace: string;
  readonly labels: Labels;
  readonly priority: number;
  /** False for `preemptionPolicy: Never`. */
  readonly mayPreempt: boolean;
  readonly requests: PodRequests;
  /** Claims that it mounts, by `namespace/name`, those of ephemeral volumes included. */
  readonly claims: readonly string[];
  readonly owner: Owner | undefined;
  readonly spec: SchedulingSpec;
  #terms: PodTerms | undefined;
  #spread: SpreadConstraints | undefined;
  #required: { readonly matches: NodeMatcher | undefined } | undefined;
  #preferred: readonly NodePreference[] | undefined;
  #signature: string | undefined;

  constructor(pod: Pod) {
    const { metadata, spec } = pod;
    this.namespace = metadata.namespace ?? "";
    this.labels = metadata.labels ?? NO_LABELS;
    this.priority = spec?.priority ?? 0;
    this.mayPreempt = spec?.preemptionPolicy !== "Never";
    this.requests = podRequests(pod);
    this.claims = claimsOf(spec?.volumes ?? [], this.namespace, metadata.name);
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    this.owner = owner === undefined ? undefined : { kind: owner.kind, name: owner.name };
    const { nodeName = "", nodeSelector, affinity, topologySpreadConstraints } = spec ?? {};
    this.spec = {
      nodeName,
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(affinity === undefined ? {} : { affinity }),
      ...(topologySpreadConstraints === undefined ? {} : { topologySpreadConstraints }),
    };
  }

  get terms(): PodTerms {
    this.#terms ??= podTerms(this.spec.affinity, this.namespace, this.labels);
    return this.#terms;
  }
  get spread(): SpreadConstraints {
    const { topologySpreadConstraints } = this.spec;
    this.#spread ??= spreadConstraints(topologySpreadConstraints, this.namespace, this.labels);
    return this.#spread;
  }
  /** Undefined: any node. */
  get requiredNodes(): NodeMatcher | undefined {
    this.#required ??= { matches: requiredNodes(this.spec) };
    return this.#required.matches;
  }
  get preferredNodes(): readonly NodePreference[] {
    this.#preferred ??= preferredNodes(this.spec);
    return this.#preferred;
  }

  /** Equal for pods that fit the same nodes for the same reasons. */
  get signature(): string {
    this.#signature ??= JSON.stringify([
      this.namespace,
      this.labels,
      this.priority,
      this.mayPreempt,
      this.requests,
      this.claims,
      this.spec,
    ]);
    return this.#signature;
  }
}

/** The claim of an ephemeral volume is named after pod and volume. */
export function claimNameOf(volume: Volume, podName: string): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${podName}-${volume.name}`;
}

const NO_CLAIMS: readonly string[] = [];

function claimsOf(volumes: readonly Volume[], namespace: string, podName: string) {
  const names = volumes.flatMap((volume) => claimNameOf(volume, podName) ?? []);
  return names.length === 0 ? NO_CLAIMS : [...new Set(names)].map((name) => `${namespace}/${name}`);
}
