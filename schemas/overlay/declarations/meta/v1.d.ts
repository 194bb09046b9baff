export interface DeleteOptions {
    /** Delete the object even when it cannot be read from storage. Unsafe: finalizers and dependents are passed over. */
    ignoreStoreReadErrorWithClusterBreakingPotential?: boolean;
}
/** A requirement on the value of a field. */
export interface FieldSelectorRequirement {
    /** The field. */
    key: string;
    /** In, NotIn, Exists or DoesNotExist. */
    operator: string;
    /** The values of In and NotIn. */
    values?: Array<string>;
}
/** Names a resource without a version. */
export interface GroupResource {
    /** The API group. */
    group: string;
    /** The resource, in plural. */
    resource: string;
}
export interface ListMeta {
    /** The shard that the list was restricted to. */
    shardInfo?: ShardInfo;
}
/** Says which shard of a collection a list holds. */
export interface ShardInfo {
    /** The selector of the shard that was asked for. */
    selector: string;
}
