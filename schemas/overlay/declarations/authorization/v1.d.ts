import type { FieldSelectorRequirement, LabelSelectorRequirement } from "kubernetes-types/meta/v1";

/** The field selector of a request, raw or taken apart. */
export interface FieldSelectorAttributes {
    /** The selector as it is written in a URL. */
    rawSelector?: string;
    /** The selector as requirements, all of which must hold. */
    requirements?: Array<FieldSelectorRequirement>;
}
/** The label selector of a request, raw or taken apart. */
export interface LabelSelectorAttributes {
    /** The selector as it is written in a URL. */
    rawSelector?: string;
    /** The selector as requirements, all of which must hold. */
    requirements?: Array<LabelSelectorRequirement>;
}
export interface ResourceAttributes {
    /** Restricts the access by fields. */
    fieldSelector?: FieldSelectorAttributes;
    /** Restricts the access by labels. */
    labelSelector?: LabelSelectorAttributes;
}
export interface ResourceRule {
    /** The resources the rule is for; * means all of the groups, and * and a subresource after a slash means that subresource of all. */
    resources?: Array<string>;
    /** The verbs that are allowed, e.g. get, list or watch; * means all. */
    verbs: Array<string>;
}
