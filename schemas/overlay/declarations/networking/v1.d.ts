import type { Condition, LabelSelector, ListMeta, ObjectMeta } from "kubernetes-types/meta/v1";

/** An IP address in use; its name is the address in canonical form. */
export interface IPAddress {
    /** networking.k8s.io/v1. */
    apiVersion?: "networking.k8s.io/v1";
    /** IPAddress. */
    kind?: "IPAddress";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** What the address belongs to. */
    spec: IPAddressSpec;
}
/** A list of IPAddresses. */
export interface IPAddressList {
    /** networking.k8s.io/v1. */
    apiVersion?: "networking.k8s.io/v1";
    /** The addresses. */
    items: Array<IPAddress>;
    /** IPAddressList. */
    kind?: "IPAddressList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** What an IP address belongs to. */
export interface IPAddressSpec {
    /** The object that uses the address. */
    parentRef: ParentReference;
}
/** Names an object. */
export interface ParentReference {
    /** API group of the object. */
    group?: string;
    /** Name of the object. */
    name: string;
    /** Namespace of the object. */
    namespace?: string;
    /** Resource of the object, in plural. */
    resource: string;
}
/** Address ranges that ClusterIPs are taken from. */
export interface ServiceCIDR {
    /** networking.k8s.io/v1. */
    apiVersion?: "networking.k8s.io/v1";
    /** ServiceCIDR. */
    kind?: "ServiceCIDR";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** The ranges. */
    spec?: ServiceCIDRSpec;
    /** Whether they are in use. */
    status?: ServiceCIDRStatus;
}
/** A list of ServiceCIDRs. */
export interface ServiceCIDRList {
    /** networking.k8s.io/v1. */
    apiVersion?: "networking.k8s.io/v1";
    /** The ServiceCIDRs. */
    items: Array<ServiceCIDR>;
    /** ServiceCIDRList. */
    kind?: "ServiceCIDRList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** Address ranges. */
export interface ServiceCIDRSpec {
    /** One range, or one per IP family, e.g. 10.96.0.0/16. */
    cidrs?: Array<string>;
}
/** State of address ranges. */
export interface ServiceCIDRStatus {
    /** Ready says whether addresses are taken from the ranges. */
    conditions?: Array<Condition>;
}
export interface NetworkPolicySpec {
    /** The pods that the policy is for; empty selects all of the namespace. */
    podSelector?: LabelSelector;
}
