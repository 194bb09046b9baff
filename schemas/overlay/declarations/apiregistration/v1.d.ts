import type { ListMeta, ObjectMeta, Time } from "kubernetes-types/meta/v1";

/** Says which server answers for a group and version. */
export interface APIService {
    /** apiregistration.k8s.io/v1. */
    apiVersion?: "apiregistration.k8s.io/v1";
    /** APIService. */
    kind?: "APIService";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** Which server, and in which order groups and versions are preferred. */
    spec?: APIServiceSpec;
    /** Whether the server answers. */
    status?: APIServiceStatus;
}
/** State of an APIService at a certain point. */
export interface APIServiceCondition {
    /** When the status last changed. */
    lastTransitionTime?: Time;
    /** What there is to say, for people. */
    message?: string;
    /** Why the status last changed, in one word. */
    reason?: string;
    /** True, False or Unknown. */
    status: string;
    /** Kind of condition, e.g. Available. */
    type: string;
}
/** A list of APIServices. */
export interface APIServiceList {
    /** apiregistration.k8s.io/v1. */
    apiVersion?: "apiregistration.k8s.io/v1";
    /** The APIServices. */
    items: Array<APIService>;
    /** APIServiceList. */
    kind?: "APIServiceList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** Which server answers for a group and version. */
export interface APIServiceSpec {
    /** PEM bundle of the certificate authorities that the server's certificate is checked with. */
    caBundle?: string;
    /** API group. */
    group?: string;
    /** Groups with a higher number come first. */
    groupPriorityMinimum: number;
    /** Do not check the server's certificate. */
    insecureSkipTLSVerify?: boolean;
    /** The service of the server; without it the API server answers itself. */
    service?: ServiceReference;
    /** API version. */
    version?: string;
    /** Versions with a higher number come first in their group. */
    versionPriority: number;
}
/** State of an APIService. */
export interface APIServiceStatus {
    /** Its conditions. */
    conditions?: Array<APIServiceCondition>;
}
/** Names a Service. */
export interface ServiceReference {
    /** Name of the service. */
    name?: string;
    /** Namespace of the service. */
    namespace?: string;
    /** Port of the service. */
    port?: number;
}
