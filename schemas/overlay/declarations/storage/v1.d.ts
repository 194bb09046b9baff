import type { ListMeta, ObjectMeta } from "kubernetes-types/meta/v1";

export interface CSIDriverSpec {
    /** How often the node's allocatable volume count is refreshed, at least 10 seconds apart; never when not set. */
    nodeAllocatableUpdatePeriodSeconds?: number;
    /** Keep pods from nodes where the driver is not installed. */
    preventPodSchedulingIfMissing?: boolean;
    /** Pass service account tokens in the secrets of a call, not in its volume context. */
    serviceAccountTokenInSecrets?: boolean;
}
export interface VolumeError {
    /** gRPC status code of the error. */
    errorCode?: number;
}
/** Mutable attributes that volumes of a driver can be given. */
export interface VolumeAttributesClass {
    /** storage.k8s.io/v1. */
    apiVersion?: "storage.k8s.io/v1";
    /** Name of the CSI driver. */
    driverName: string;
    /** VolumeAttributesClass. */
    kind?: "VolumeAttributesClass";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** The attributes, as the driver names them. */
    parameters?: {
        [name: string]: string;
    };
}
/** A list of VolumeAttributesClasses. */
export interface VolumeAttributesClassList {
    /** storage.k8s.io/v1. */
    apiVersion?: "storage.k8s.io/v1";
    /** The classes. */
    items: Array<VolumeAttributesClass>;
    /** VolumeAttributesClassList. */
    kind?: "VolumeAttributesClassList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
