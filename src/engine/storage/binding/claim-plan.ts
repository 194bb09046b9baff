/** What a claim's binding needs next (`syncClaim` of upstream's persistent volume controller). Pure. */
import type { Node } from "../../../kube/kinds/node.ts";
import type { PersistentVolume } from "../../../kube/kinds/persistentvolume.ts";
import type { PersistentVolumeClaim } from "../../../kube/kinds/persistentvolumeclaim.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import type { StorageClass } from "../../../kube/kinds/storageclass.ts";
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE } from "./binding-annotations.ts";
import { bestVolume, isClaimedBy, mismatch } from "./volume-match.ts";

export interface ClaimView {
  readonly claim: PersistentVolumeClaim;
  /** What the claim may choose from when it names no volume. */
  readonly candidates: readonly PersistentVolume[];
  /** The volume that it names. */
  readonly named: PersistentVolume | undefined;
  /** Its class, when there is such a class. */
  readonly storageClass: StorageClass | undefined;
  /** Assigned to claims that name no class. */
  readonly defaultClass: StorageClass | undefined;
  /** The node that the scheduler chose, when there is such a node. */
  readonly selectedNode: Node | undefined;
  /** A pod that uses the claim and has no node yet. */
  readonly waitingPod: string | undefined;
}

export interface Told {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}
export type ClaimPlan =
  | { readonly action: "bind"; readonly volume: PersistentVolume }
  | { readonly action: "assignClass"; readonly className: string }
  | { readonly action: "provision"; readonly provisioner: string; readonly told: Told }
  | { readonly action: "wait"; readonly told?: Told }
  | { readonly action: "lose"; readonly told: Told };

const IN_TREE = "kubernetes.io/";

export function planClaim(view: ClaimView): ClaimPlan {
  const { claim } = view;
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return planBound(view);
  if (claim.metadata.deletionTimestamp !== undefined) return { action: "wait" };
  return (claim.spec?.volumeName ?? "") === "" ? planChoice(view) : planNamed(view);
}

/** A claim that was bound is either bound or lost: it never gets another volume. */
function planBound({ claim, named }: ClaimView): ClaimPlan {
  if ((claim.spec?.volumeName ?? "") === "")
    return lost(
      "ClaimLost",
      "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
    );
  if (named === undefined)
    return lost(
      "ClaimLost",
      "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
    );
  if (named.spec?.claimRef === undefined || named.spec.claimRef.uid === claim.metadata.uid)
    return { action: "bind", volume: named };
  return lost(
    "ClaimMisbound",
    "Two claims are bound to the same volume, this one is bound incorrectly",
  );
}

function lost(reason: string, message: string): ClaimPlan {
  return { action: "lose", told: { type: "Warning", reason, message } };
}

/** Somebody chose a volume for the claim; it gets that one or none. */
function planNamed({ claim, named }: ClaimView): ClaimPlan {
  if (named === undefined) return { action: "wait" };
  if (named.spec?.claimRef === undefined) {
    const problem = mismatch(named, claim);
    if (problem === undefined) return { action: "bind", volume: named };
    const message = `Cannot bind to requested volume "${named.metadata.name}": ${problem}`;
    return { action: "wait", told: { type: "Warning", reason: "VolumeMismatch", message } };
  }
  if (isClaimedBy(named, claim)) return { action: "bind", volume: named };
  if (claim.metadata.annotations?.[BOUND_BY_CONTROLLER] !== undefined)
    return lost("ClaimMisbound", `volume "${named.metadata.name}" was given to a different claim`);
  const message = `volume "${named.metadata.name}" already bound to a different claim.`;
  return { action: "wait", told: { type: "Warning", reason: "FailedBinding", message } };
}

function planChoice(view: ClaimView): ClaimPlan {
  const { claim, candidates, storageClass, selectedNode, waitingPod } = view;
  const className = storageClassNameOf(claim);
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  const isDelayed = storageClass?.volumeBindingMode === "WaitForFirstConsumer";
  const waits = isDelayed && selected === undefined;
  // Without its node nobody can say what is within reach.
  const onlyOwn = isDelayed && selectedNode === undefined;
  const eligible = onlyOwn ? candidates.filter((one) => isClaimedBy(one, claim)) : candidates;
  const volume = bestVolume(claim, eligible, isDelayed ? selectedNode : undefined);
  if (volume !== undefined) return { action: "bind", volume };
  if (className === undefined) {
    const assigned = view.defaultClass;
    if (assigned !== undefined) return { action: "assignClass", className: assigned.metadata.name };
  }
  if (waits) return { action: "wait", told: waiting(waitingPod) };
  if (className === undefined || className === "") {
    const message = "no persistent volumes available for this claim and no storage class is set";
    return { action: "wait", told: { type: "Normal", reason: "FailedBinding", message } };
  }
  return planProvisioning(className, storageClass);
}

function waiting(pod: string | undefined): Told {
  return pod === undefined
    ? {
        type: "Normal",
        reason: "WaitForFirstConsumer",
        message: "waiting for first consumer to be created before binding",
      }
    : {
        type: "Normal",
        reason: "WaitForPodScheduled",
        message: `waiting for pod ${pod} to be scheduled`,
      };
}

function planProvisioning(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  const failed = (message: string): ClaimPlan => ({
    action: "wait",
    told: { type: "Warning", reason: "ProvisioningFailed", message },
  });
  if (storageClass === undefined)
    return failed(`storageclass.storage.k8s.io "${className}" not found`);
  const { provisioner } = storageClass;
  if (provisioner.startsWith(IN_TREE))
    return failed(`no volume plugin matched name: ${provisioner}`);
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  return {
    action: "provision",
    provisioner,
    told: { type: "Normal", reason: "ExternalProvisioning", message },
  };
}
