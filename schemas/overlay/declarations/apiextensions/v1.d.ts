export interface JSONSchemaProps {
    /** The value is a Kubernetes object: it has apiVersion, kind and metadata, which are checked. */
    "x-kubernetes-embedded-resource"?: boolean;
    /** The value is an integer or a string. */
    "x-kubernetes-int-or-string"?: boolean;
    /** The fields that identify an item of a list of type map. */
    "x-kubernetes-list-map-keys"?: Array<string>;
    /** How a list is merged: atomic, set or map. */
    "x-kubernetes-list-type"?: string;
    /** How an object is merged: granular or atomic. */
    "x-kubernetes-map-type"?: string;
    /** Keep fields that the schema does not name. */
    "x-kubernetes-preserve-unknown-fields"?: boolean;
    /** Rules in CEL. */
    "x-kubernetes-validations"?: Array<ValidationRule>;
}
export interface CustomResourceDefinitionCondition {
    /** The metadata.generation that the condition speaks of. */
    observedGeneration?: number;
}
export interface CustomResourceDefinitionStatus {
    /** The metadata.generation that the status speaks of. */
    observedGeneration?: number;
}
