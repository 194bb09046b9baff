/** Beyond it one machine simulates no longer in time; a cluster of Kubernetes ends at 5,000. */
export const MAX_SIMULATED_NODES = 10_000;
