/** The annotations by which binding, scheduling and provisioning talk to each other, as upstream. */

/** On a claim: its binding was completed once; without its volume it is lost from then on. */
export const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
/** On either: the controller chose the other side, so it may take the choice back. */
export const BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller";
/** On a claim: the node that the scheduler chose for its first pod. */
export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
/** On a claim: who is to make a volume for it. */
export const STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner";
export const BETA_STORAGE_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner";

export const YES = "yes";
