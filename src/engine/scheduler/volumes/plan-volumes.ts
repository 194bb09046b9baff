/** Which volumes a pod's claims would get on a node, or why not. Pure. */
import type { TopologySelectorTerm } from "kubernetes-types/core/v1";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { matchesLabels, selectorOf } from "../../../kube/label-selector.ts";
import { compareQuantities, parseQuantity } from "../../../kube/quantity.ts";
import type { Rejection } from "../framework.ts";
import { anyTerm, type SelectedNode } from "../node-selection.ts";
import { type ClaimState, SELECTED_NODE } from "./claim-state.ts";
import { smallestMatch } from "./match-volume.ts";
import type { VolumeCatalog } from "./volume-catalog.ts";

type Delayed = Extract<ClaimState, { kind: "delayed" }>;

export interface VolumePlan {
  /** Volumes that exist already. */
  readonly toBind: readonly {
    readonly key: string;
    readonly claim: PersistentVolumeClaim;
    readonly volume: PersistentVolume;
  }[];
  /** To be made by the class's provisioner, for the node. */
  readonly toProvision: readonly PersistentVolumeClaim[];
}

const NO_VOLUME: Rejection = {
  reasons: ["node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"],
  isFinal: true,
};
const ELSEWHERE: Rejection = {
  reasons: ["node(s) didn't match PersistentVolume's node affinity"],
  isFinal: true,
};
const NOTHING_TO_BIND: Rejection = {
  reasons: ["node(s) didn't find available persistent volumes to bind"],
  isFinal: true,
};
const NO_SPACE: Rejection = {
  reasons: ["node(s) did not have enough free storage"],
  isFinal: true,
};
/** The provisioner of classes whose volumes are made by hand. */
const NO_PROVISIONER = "kubernetes.io/no-provisioner";

export function planVolumes(
  claims: readonly ClaimState[],
  node: SelectedNode,
  catalog: VolumeCatalog,
  isNode: (name: string) => boolean,
): VolumePlan | Rejection {
  const toBind: VolumePlan["toBind"][number][] = [];
  const toProvision: PersistentVolumeClaim[] = [];
  const taken = new Set<string>();
  for (const state of claims) {
    if (state.kind === "stuck") return { reasons: [state.message], isFinal: true };
    if (state.kind === "bound") {
      const volume = catalog.volume(state.volumeName);
      if (volume === undefined) return NO_VOLUME;
      if (!isReachable(volume, node)) return ELSEWHERE;
      continue;
    }
    const selected = state.claim.metadata.annotations?.[SELECTED_NODE] ?? node.name;
    // A node that went away before it had the volume binds nobody.
    if (selected !== node.name && isNode(selected)) return NOTHING_TO_BIND;
    const volume = findVolume(state, node, catalog, taken);
    if (volume !== undefined) {
      taken.add(volume.metadata.name);
      toBind.push({ key: state.key, claim: state.claim, volume });
      continue;
    }
    const problem = provisioningProblem(state, node, catalog);
    if (problem !== undefined) return problem;
    toProvision.push(state.claim);
  }
  return { toBind, toProvision };
}

export const isRejection = (plan: VolumePlan | Rejection): plan is Rejection => "reasons" in plan;

function isReachable({ spec }: PersistentVolume, node: SelectedNode): boolean {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
  return terms === undefined || anyTerm(terms)(node);
}

function findVolume(
  { key, claim, storageClass }: Delayed,
  node: SelectedNode,
  catalog: VolumeCatalog,
  taken: ReadonlySet<string>,
): PersistentVolume | undefined {
  const volumes = catalog
    .volumesOfClass(storageClass.metadata.name)
    .filter(
      (volume) =>
        !taken.has(volume.metadata.name) &&
        (catalog.promisedTo(volume.metadata.name) ?? key) === key &&
        isReachable(volume, node),
    );
  return smallestMatch(claim, volumes);
}

function provisioningProblem(
  { claim, storageClass }: Delayed,
  node: SelectedNode,
  catalog: VolumeCatalog,
): Rejection | undefined {
  const { provisioner, allowedTopologies = [], metadata } = storageClass;
  if (provisioner === NO_PROVISIONER || !allows(allowedTopologies, node)) return NOTHING_TO_BIND;
  if (catalog.driver(provisioner)?.spec.storageCapacity !== true) return undefined;
  const wanted = parseQuantity(claim.spec?.resources?.requests?.["storage"] ?? "0");
  const hasRoom = catalog
    .capacitiesOfClass(metadata.name)
    .some(
      ({ capacity, maximumVolumeSize, nodeTopology }) =>
        compareQuantities(parseQuantity(maximumVolumeSize ?? capacity ?? "0"), wanted) >= 0 &&
        matchesLabels(selectorOf(nodeTopology), node.labels),
    );
  return hasRoom ? undefined : NO_SPACE;
}

function allows(terms: readonly TopologySelectorTerm[], { labels }: SelectedNode): boolean {
  return (
    terms.length === 0 ||
    terms.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? "")),
    )
  );
}
