export interface NamedRuleWithOperations {
    /** The resources the rule is for, in plural; a subresource follows after a slash, and * stands for all of either. */
    resources?: Array<string>;
    /** Cluster, Namespaced or * for both. */
    scope?: string;
}
