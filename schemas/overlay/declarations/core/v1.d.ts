import type { Quantity } from "kubernetes-types/api/resource";

export interface Container {
    /** Rules for restarting the container by its exit code, tried in order; the first that matches decides, before restartPolicy does. */
    restartPolicyRules?: Array<ContainerRestartRule>;
}
export interface EphemeralContainer {
    /** Not allowed for ephemeral containers. */
    restartPolicyRules?: Array<ContainerRestartRule>;
}
/** What to do when a container ends in a certain way. */
export interface ContainerRestartRule {
    /** The action taken when the rule matches: Restart, or RestartAllContainers. */
    action: string;
    /** Matches exit codes of the container. */
    exitCodes?: ContainerRestartRuleOnExitCodes;
}
/** Compares a container's exit code with a list. */
export interface ContainerRestartRuleOnExitCodes {
    /** In: the code is one of values. NotIn: it is none of them. */
    operator: string;
    /** The exit codes, at most 255. */
    values?: Array<number>;
}
/** Says that a container asks for an extended resource by a device request of the claim made for its pod. */
export interface ContainerExtendedResourceRequest {
    /** Name of the container. */
    containerName: string;
    /** Name of the request in the claim that stands for the extended resource. */
    requestName: string;
    /** Name of the extended resource. */
    resourceName: string;
}
export interface ContainerStatus {
    /** Status of the devices and other resources that were allocated to the container, by resource. */
    allocatedResourcesStatus?: Array<ResourceStatus>;
    /** The signal that asks the container to stop. */
    stopSignal?: string;
    /** The user that the first process of the container was started as. */
    user?: ContainerUser;
}
/** The user identity of a container's first process. */
export interface ContainerUser {
    /** The identity on Linux. */
    linux?: LinuxContainerUser;
}
/** A user identity on Linux. */
export interface LinuxContainerUser {
    /** Primary group of the first process. */
    gid: number;
    /** Supplementary groups of the first process. */
    supplementalGroups?: Array<number>;
    /** User of the first process. */
    uid: number;
}
export interface EnvVarSource {
    /** Takes the value from a key of an environment file on a volume. */
    fileKeyRef?: FileKeySelector;
}
/** Names a key of an environment file. */
export interface FileKeySelector {
    /** The key inside the file. */
    key: string;
    /** Whether the file or the key may be missing; the variable is then left out. */
    optional?: boolean;
    /** The file, relative to the volume's root; it may not leave it. */
    path: string;
    /** The volume that holds the file. */
    volumeName: string;
}
export interface HostIP {
    /** The IP address of the host. */
    ip: string;
}
export interface HostAlias {
    /** IP address of the hosts-file entry. */
    ip: string;
}
export interface PodIP {
    /** An IP address of the pod. */
    ip: string;
}
/** An OCI image or artifact as a read-only volume. */
export interface ImageVolumeSource {
    /** When to pull: Always, Never or IfNotPresent; Always when the tag is latest, else IfNotPresent. */
    pullPolicy?: string;
    /** The image or artifact, written as for containers. */
    reference?: string;
}
/** What a volume mount got from an image volume. */
export interface ImageVolumeStatus {
    /** The image that was mounted, with its digest. */
    imageRef: string;
}
/** Status of a mounted volume, by kind of volume. */
export interface VolumeStatus {
    /** Set when the volume comes from an image. */
    image?: ImageVolumeStatus;
}
export interface VolumeMountStatus {
    /** Status of the volume that is mounted. */
    volumeStatus?: VolumeStatus;
}
export interface Volume {
    /** Mounts an OCI image or artifact. */
    image?: ImageVolumeSource;
}
export interface Lifecycle {
    /** The signal that asks the container to stop; the image's own, else SIGTERM, when not set. It needs spec.os.name. */
    stopSignal?: string;
}
export interface NodeRuntimeHandlerFeatures {
    /** The runtime handler supports user namespaces. */
    userNamespaces?: boolean;
}
/** What the runtime of a node can do, whichever handler is used. */
export interface NodeFeatures {
    /** The runtime honours the supplementalGroupsPolicy of pods. */
    supplementalGroupsPolicy?: boolean;
}
export interface NodeStatus {
    /** Features that matter to scheduling and are on at this node, in order of name. */
    declaredFeatures?: Array<string>;
    /** What the node's runtime can do. */
    features?: NodeFeatures;
}
/** Swap memory of a node. */
export interface NodeSwapStatus {
    /** Total swap in bytes. */
    capacity?: number;
}
export interface NodeSystemInfo {
    /** Swap memory of the node. */
    swap?: NodeSwapStatus;
}
/** Node-level resources that a claim of a pod takes. */
export interface NodeAllocatableResourceClaimStatus {
    /** Containers that use the claim. */
    containers?: Array<string>;
    /** Name of the ResourceClaim. */
    resourceClaimName: string;
    /** What it takes, by resource. */
    resources: {
        [name: string]: Quantity;
    };
}
/** The claim that was made for the extended resources of a pod. */
export interface PodExtendedResourceClaimStatus {
    /** Which container gets what from which request of the claim. */
    requestMappings: Array<ContainerExtendedResourceRequest>;
    /** Name of the ResourceClaim, in the pod's namespace. */
    resourceClaimName: string;
}
export interface PodCondition {
    /** The metadata.generation that the condition speaks of. */
    observedGeneration?: number;
}
export interface PodResourceClaim {
    /** Name of a ResourceClaim in the pod's namespace. */
    resourceClaimName?: string;
    /** Name of a ResourceClaimTemplate in the pod's namespace; a claim is made from it for this pod. */
    resourceClaimTemplateName?: string;
}
/** The group that a pod is scheduled with. */
export interface PodSchedulingGroup {
    /** Name of the PodGroup, in the pod's namespace. */
    podGroupName?: string;
}
export interface PodSecurityContext {
    /** How volumes get the SELinux label: MountOption or Recursive. */
    seLinuxChangePolicy?: string;
    /** How the supplementary groups of processes come about: Merge with those of the image, or Strict. */
    supplementalGroupsPolicy?: string;
}
export interface PodSpec {
    /** The host name of the pod, whatever its name, hostname and subdomain say; not with hostNetwork. */
    hostnameOverride?: string;
    /** Resources for all containers of the pod together: cpu, memory and hugepages. */
    resources?: ResourceRequirements;
    /** The group that the pod is scheduled with. */
    schedulingGroup?: PodSchedulingGroup;
}
export interface PodStatus {
    /** What the node has set aside for the pod as a whole. */
    allocatedResources?: {
        [name: string]: Quantity;
    };
    /** The claim that was made for the extended resources of the pod. */
    extendedResourceClaimStatus?: PodExtendedResourceClaimStatus;
    /** Node-level resources taken by claims of the pod. */
    nodeAllocatableResourceClaimStatuses?: Array<NodeAllocatableResourceClaimStatus>;
    /** The metadata.generation that the node agent has acted on. */
    observedGeneration?: number;
    /** The requests and limits in force for the pod as a whole. */
    resources?: ResourceRequirements;
}
export interface ResourceClaim {
    /** A request of the claim; without it, everything that the claim provides. */
    request?: string;
}
/** Health of one resource, e.g. a device, of a container. */
export interface ResourceHealth {
    /** Healthy, Unhealthy or Unknown. */
    health?: string;
    /** Unique id of the resource. */
    resourceID: string;
    /** What more there is to say about the health. */
    message?: string;
}
/** Status of the instances of one resource of a container. */
export interface ResourceStatus {
    /** The resource, or claim:CLAIM/REQUEST. */
    name: string;
    /** Health of each instance. */
    resources?: Array<ResourceHealth>;
}
/** Puts a private key and a certificate issued for the pod into a file. */
export interface PodCertificateProjection {
    /** File for the certificate chain. */
    certificateChainPath?: string;
    /** File for key and certificate chain together. */
    credentialBundlePath?: string;
    /** File for the key. */
    keyPath?: string;
    /** Kind of key: RSA3072, RSA4096, ECDSAP256, ECDSAP384, ECDSAP521 or ED25519. */
    keyType: string;
    /** Longest lifetime of the certificate. */
    maxExpirationSeconds?: number;
    /** Who signs. */
    signerName: string;
    /** Passed on to the signer. */
    userAnnotations?: {
        [name: string]: string;
    };
}
export interface VolumeProjection {
    /** Projects a key and a certificate issued for the pod. */
    podCertificate?: PodCertificateProjection;
}
