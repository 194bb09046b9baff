export interface DeploymentStatus {
    /** Pods of the deployment that are being deleted and have not ended yet. */
    terminatingReplicas?: number;
}
export interface ReplicaSetStatus {
    /** Pods of the replica set that are being deleted and have not ended yet. */
    terminatingReplicas?: number;
}
export interface StatefulSetSpec {
    /** The Service that governs the names of the pods; it is to exist before the StatefulSet. */
    serviceName?: string;
}
