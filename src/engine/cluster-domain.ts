/** Below which every name of the cluster lies; what Kubernetes calls the cluster domain. */
export const CLUSTER_DOMAIN = "cluster.local";
