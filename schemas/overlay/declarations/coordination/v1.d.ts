export interface LeaseSpec {
    /** The candidate that should hold the lease next; needs a strategy. */
    preferredHolder?: string;
    /** How the holder is picked when leaders are elected by the control plane. */
    strategy?: string;
}
