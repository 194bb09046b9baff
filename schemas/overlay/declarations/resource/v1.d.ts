import type { Quantity } from "kubernetes-types/api/resource";
import type { NodeSelector } from "kubernetes-types/core/v1";
import type { Condition, ListMeta, ObjectMeta, Time } from "kubernetes-types/meta/v1";
import type { RawExtension } from "kubernetes-types/runtime";

/** Status of a device that was allocated, as its driver reports it. */
export interface AllocatedDeviceStatus {
    /** Conditions of the device. */
    conditions?: Array<Condition>;
    /** Whatever the driver has to say. */
    data?: RawExtension;
    /** Name of the device in its pool. */
    device: string;
    /** Name of the driver. */
    driver: string;
    /** Network settings of the device. */
    networkData?: NetworkDeviceData;
    /** Name of the pool. */
    pool: string;
    /** Which share of the device, when it is shared. */
    shareID?: string;
}
/** What was allocated to a claim. */
export interface AllocationResult {
    /** When it was allocated. */
    allocationTimestamp?: Time;
    /** The devices. */
    devices?: DeviceAllocationResult;
    /** The nodes where they can be used. */
    nodeSelector?: NodeSelector;
}
/** Selects devices by an expression. */
export interface CELDeviceSelector {
    /** CEL expression over one device; true selects it. */
    expression: string;
}
/** Which amounts of a capacity may be asked for. */
export interface CapacityRequestPolicy {
    /** The amount for requests that name none. */
    default?: Quantity;
    /** The amounts allowed, as a range. */
    validRange?: CapacityRequestPolicyRange;
    /** The amounts allowed, in ascending order. */
    validValues?: Array<Quantity>;
}
/** Amounts from a least one upwards. */
export interface CapacityRequestPolicyRange {
    /** The largest amount. */
    max?: Quantity;
    /** The least amount. */
    min: Quantity;
    /** The distance between amounts. */
    step?: Quantity;
}
/** Capacity that a request asks for. */
export interface CapacityRequirements {
    /** Amounts, by capacity. */
    requests?: {
        [name: string]: Quantity;
    };
}
/** An amount that devices take from. */
export interface Counter {
    /** The amount that there is. */
    value: Quantity;
}
/** Counters that devices of a pool share. */
export interface CounterSet {
    /** The counters, by name. */
    counters: {
        [name: string]: Counter;
    };
    /** Name of the set. */
    name: string;
}
/** One device. */
export interface Device {
    /** All nodes can use the device. */
    allNodes?: boolean;
    /** Several claims may share the device. */
    allowMultipleAllocations?: boolean;
    /** Attributes, by name. */
    attributes?: {
        [name: string]: DeviceAttribute;
    };
    /** Conditions that must be true before the device can be used. */
    bindingConditions?: Array<string>;
    /** Conditions that, when true, mean that the device cannot be bound. */
    bindingFailureConditions?: Array<string>;
    /** Using the device binds a claim to the node. */
    bindsToNode?: boolean;
    /** Capacities, by name. */
    capacity?: {
        [name: string]: DeviceCapacity;
    };
    /** What the device takes from shared counters. */
    consumesCounters?: Array<DeviceCounterConsumption>;
    /** Name of the device in its pool. */
    name: string;
    /** Node-level resources that the device takes, by resource. */
    nodeAllocatableResourceMappings?: {
        [name: string]: NodeAllocatableResourceMapping;
    };
    /** The only node that can use the device. */
    nodeName?: string;
    /** The nodes that can use the device. */
    nodeSelector?: NodeSelector;
    /** Taints that keep claims from the device. */
    taints?: Array<DeviceTaint>;
}
/** Settings that came with an allocation. */
export interface DeviceAllocationConfiguration {
    /** Settings that only a driver understands. */
    opaque?: OpaqueDeviceConfiguration;
    /** The requests that the settings are for; all when empty. */
    requests?: Array<string>;
    /** FromClass or FromClaim. */
    source: string;
}
/** The devices of an allocation. */
export interface DeviceAllocationResult {
    /** Settings for the devices. */
    config?: Array<DeviceAllocationConfiguration>;
    /** The devices. */
    results?: Array<DeviceRequestAllocationResult>;
}
/** The value of an attribute: exactly one of its fields. */
export interface DeviceAttribute {
    /** A truth value. */
    bool?: boolean;
    /** Truth values. */
    bools?: Array<boolean>;
    /** A number. */
    int?: number;
    /** Numbers. */
    ints?: Array<number>;
    /** A text. */
    string?: string;
    /** Texts. */
    strings?: Array<string>;
    /** A semantic version. */
    version?: string;
    /** Semantic versions. */
    versions?: Array<string>;
}
/** A capacity of a device. */
export interface DeviceCapacity {
    /** Which amounts may be asked for. */
    requestPolicy?: CapacityRequestPolicy;
    /** The amount that there is. */
    value: Quantity;
}
/** Devices that a claim asks for. */
export interface DeviceClaim {
    /** Settings for the devices. */
    config?: Array<DeviceClaimConfiguration>;
    /** What must hold for all devices together. */
    constraints?: Array<DeviceConstraint>;
    /** The requests, each for one or more devices. */
    requests?: Array<DeviceRequest>;
}
/** Settings for devices of a claim. */
export interface DeviceClaimConfiguration {
    /** Settings that only a driver understands. */
    opaque?: OpaqueDeviceConfiguration;
    /** The requests that the settings are for; all when empty. */
    requests?: Array<string>;
}
/** A kind of device that claims can ask for, cluster-wide. */
export interface DeviceClass {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** DeviceClass. */
    kind?: "DeviceClass";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** Which devices belong to the class. */
    spec: DeviceClassSpec;
}
/** Settings for devices of a class. */
export interface DeviceClassConfiguration {
    /** Settings that only a driver understands. */
    opaque?: OpaqueDeviceConfiguration;
}
/** A list of DeviceClasses. */
export interface DeviceClassList {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** The classes. */
    items: Array<DeviceClass>;
    /** DeviceClassList. */
    kind?: "DeviceClassList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** Which devices belong to a class. */
export interface DeviceClassSpec {
    /** Settings for the devices. */
    config?: Array<DeviceClassConfiguration>;
    /** The extended resource that stands for devices of the class in pods. */
    extendedResourceName?: string;
    /** All of these must select a device. */
    selectors?: Array<DeviceSelector>;
}
/** What must hold for devices together. */
export interface DeviceConstraint {
    /** Attribute in whose value all must differ. */
    distinctAttribute?: string;
    /** Attribute in whose value all must agree. */
    matchAttribute?: string;
    /** The requests that are meant; all when empty. */
    requests?: Array<string>;
}
/** What a device takes from shared counters. */
export interface DeviceCounterConsumption {
    /** Name of the counter set. */
    counterSet: string;
    /** Amounts, by counter. */
    counters: {
        [name: string]: Counter;
    };
}
/** A request for devices: one way, or several in order of preference. */
export interface DeviceRequest {
    /** The one way. */
    exactly?: ExactDeviceRequest;
    /** Ways in order of preference. */
    firstAvailable?: Array<DeviceSubRequest>;
    /** Name of the request. */
    name: string;
}
/** A device that was allocated for a request. */
export interface DeviceRequestAllocationResult {
    /** Access for administration, beside other users. */
    adminAccess?: boolean;
    /** Conditions that must be true before the device can be used. */
    bindingConditions?: Array<string>;
    /** Conditions that, when true, mean that the device cannot be bound. */
    bindingFailureConditions?: Array<string>;
    /** How much of each capacity is taken. */
    consumedCapacity?: {
        [name: string]: Quantity;
    };
    /** Name of the device in its pool. */
    device: string;
    /** Name of the driver. */
    driver: string;
    /** Name of the pool. */
    pool: string;
    /** The request. */
    request: string;
    /** Which share of the device, when it is shared. */
    shareID?: string;
    /** Taints that were tolerated. */
    tolerations?: Array<DeviceToleration>;
}
/** Selects devices. */
export interface DeviceSelector {
    /** By an expression in CEL. */
    cel?: CELDeviceSelector;
}
/** One of several ways to satisfy a request. */
export interface DeviceSubRequest {
    /** ExactCount or All. */
    allocationMode?: string;
    /** Capacity that is asked for. */
    capacity?: CapacityRequirements;
    /** How many devices. */
    count?: number;
    /** Class of the devices. */
    deviceClassName: string;
    /** Name of the way. */
    name: string;
    /** All of these must select a device. */
    selectors?: Array<DeviceSelector>;
    /** Taints that are tolerated. */
    tolerations?: Array<DeviceToleration>;
}
/** Keeps claims from a device unless they tolerate it. */
export interface DeviceTaint {
    /** None, NoSchedule or NoExecute. */
    effect: string;
    /** Key of the taint. */
    key: string;
    /** When it was added. */
    timeAdded?: Time;
    /** Value of the taint. */
    value?: string;
}
/** Tolerates taints of devices. */
export interface DeviceToleration {
    /** Effect that is tolerated; all when empty. */
    effect?: string;
    /** Key that is tolerated; all when empty. */
    key?: string;
    /** Exists or Equal. */
    operator?: string;
    /** For how long NoExecute is tolerated. */
    tolerationSeconds?: number;
    /** Value that is tolerated. */
    value?: string;
}
/** A request for devices of one class. */
export interface ExactDeviceRequest {
    /** Access for administration, beside other users. */
    adminAccess?: boolean;
    /** ExactCount or All. */
    allocationMode?: string;
    /** Capacity that is asked for. */
    capacity?: CapacityRequirements;
    /** How many devices. */
    count?: number;
    /** Class of the devices. */
    deviceClassName: string;
    /** All of these must select a device. */
    selectors?: Array<DeviceSelector>;
    /** Taints that are tolerated. */
    tolerations?: Array<DeviceToleration>;
}
/** Network settings of a device. */
export interface NetworkDeviceData {
    /** Hardware address. */
    hardwareAddress?: string;
    /** Name of the interface in the pod. */
    interfaceName?: string;
    /** Addresses with their prefix length. */
    ips?: Array<string>;
}
/** How much of a node-level resource a device takes. */
export interface NodeAllocatableResourceMapping {
    /** What one unit of the capacity, or one device, takes. */
    allocationMultiplier?: Quantity;
    /** The capacity that the amount follows. */
    capacityKey?: string;
}
/** Settings that only a driver understands. */
export interface OpaqueDeviceConfiguration {
    /** Name of the driver. */
    driver: string;
    /** The settings. */
    parameters: RawExtension;
}
/** Asks for devices. */
export interface ResourceClaim {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** ResourceClaim. */
    kind?: "ResourceClaim";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** What is asked for. */
    spec: ResourceClaimSpec;
    /** What was allocated. */
    status?: ResourceClaimStatus;
}
/** Who may use a claim. */
export interface ResourceClaimConsumerReference {
    /** API group of the user. */
    apiGroup?: string;
    /** Name of the user. */
    name: string;
    /** Resource of the user, in plural. */
    resource: string;
    /** Uid of the user. */
    uid: string;
}
/** A list of ResourceClaims. */
export interface ResourceClaimList {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** The claims. */
    items: Array<ResourceClaim>;
    /** ResourceClaimList. */
    kind?: "ResourceClaimList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** What a claim asks for. */
export interface ResourceClaimSpec {
    /** The devices. */
    devices?: DeviceClaim;
}
/** What was allocated to a claim, and who uses it. */
export interface ResourceClaimStatus {
    /** What was allocated. */
    allocation?: AllocationResult;
    /** Status of the devices. */
    devices?: Array<AllocatedDeviceStatus>;
    /** Who may use the claim. */
    reservedFor?: Array<ResourceClaimConsumerReference>;
}
/** Makes a claim for each pod that refers to it. */
export interface ResourceClaimTemplate {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** ResourceClaimTemplate. */
    kind?: "ResourceClaimTemplate";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** The claim to make. */
    spec: ResourceClaimTemplateSpec;
}
/** A list of ResourceClaimTemplates. */
export interface ResourceClaimTemplateList {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** The templates. */
    items: Array<ResourceClaimTemplate>;
    /** ResourceClaimTemplateList. */
    kind?: "ResourceClaimTemplateList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** The claim that a template makes. */
export interface ResourceClaimTemplateSpec {
    /** Labels and annotations of the claim. */
    metadata?: ObjectMeta;
    /** What the claim asks for. */
    spec: ResourceClaimSpec;
}
/** The pool that a slice belongs to. */
export interface ResourcePool {
    /** Slices of an older generation are void. */
    generation: number;
    /** Name of the pool. */
    name: string;
    /** How many slices make up the pool. */
    resourceSliceCount: number;
}
/** Devices of a pool, as their driver publishes them. */
export interface ResourceSlice {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** ResourceSlice. */
    kind?: "ResourceSlice";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** The devices. */
    spec: ResourceSliceSpec;
}
/** A list of ResourceSlices. */
export interface ResourceSliceList {
    /** resource.k8s.io/v1. */
    apiVersion?: "resource.k8s.io/v1";
    /** The slices. */
    items: Array<ResourceSlice>;
    /** ResourceSliceList. */
    kind?: "ResourceSliceList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** Devices of a pool. */
export interface ResourceSliceSpec {
    /** All nodes can use the devices. */
    allNodes?: boolean;
    /** The devices. */
    devices?: Array<Device>;
    /** Name of the driver. */
    driver: string;
    /** The only node that can use the devices. */
    nodeName?: string;
    /** The nodes that can use the devices. */
    nodeSelector?: NodeSelector;
    /** Each device says itself which nodes can use it. */
    perDeviceNodeSelection?: boolean;
    /** The pool. */
    pool: ResourcePool;
    /** Counters that devices share. */
    sharedCounters?: Array<CounterSet>;
}
